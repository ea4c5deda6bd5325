"""Commands that nobody gave, but that a repository calls for."""

from pushpaka_core.domain.build_plans import Origin, Step


def detected(command: str) -> Step:
    """Return *command* as a step that was found."""
    return Step(command=command, origin=Origin.DETECTED)


def steps(*commands: str) -> tuple[Step, ...]:
    """Return the steps of *commands*; an empty one is none."""
    return tuple(detected(command) for command in commands if command)
