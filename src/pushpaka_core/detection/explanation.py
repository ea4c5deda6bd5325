"""A plan told to a person: the first lines of a deployment's log."""

from collections.abc import Iterator

from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Step


def explain(plan: BuildPlan) -> tuple[str, ...]:
    """Say what was decided, why, what was passed over, and which commands will run."""
    return (
        _headline(plan),
        *(f"  because {_with_place(one)}" for one in plan.evidence),
        *(f"  not {one.framework}: {one.reason}" for one in plan.rejected),
        *_commands(plan),
        *_files(plan),
        *_variables(plan),
    )


def _headline(plan: BuildPlan) -> str:
    version = f" {plan.language_version}" if plan.language_version else ""
    manager = f", installed by {plan.package_manager}" if plan.package_manager else ""
    tools = f"{plan.language}{version}{manager}"
    return f"Detected {plan.framework}" + (f" ({tools})" if tools != plan.framework else "")


def _with_place(evidence: Evidence) -> str:
    if evidence.path is None:
        return evidence.reason
    place = f"{evidence.path}:{evidence.line}" if evidence.line else evidence.path
    return f"{evidence.reason} ({place})"


def _commands(plan: BuildPlan) -> Iterator[str]:
    if plan.install:
        yield _command("install", plan.install)
    yield from (_command("build", step) for step in plan.build)
    yield from (_command(name, step) for name, step in plan.processes.items())


def _command(name: str, step: Step) -> str:
    return f"{name}: {step.command} [{step.origin}]"


def _files(plan: BuildPlan) -> Iterator[str]:
    if plan.static:
        fallback = f", {plan.static.fallback} where no file fits" if plan.static.fallback else ""
        yield f"serves the files of {plan.static.directory}{fallback}"


def _variables(plan: BuildPlan) -> Iterator[str]:
    if plan.env_names:
        yield f"the code reads {', '.join(plan.env_names)}"
