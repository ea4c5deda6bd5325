"""Constructors for build steps that detection adds."""

from pushpaka_core.domain.pipeline.build_plans import BuildStep, Origin


def detected_step(command: str) -> BuildStep:
    """Return *command* as a detected step."""
    return BuildStep(command=command, origin=Origin.DETECTED)


def detected_steps(*commands: str) -> tuple[BuildStep, ...]:
    """Return *commands* as detected steps, leaving out empty ones."""
    return tuple(detected_step(command) for command in commands if command)
