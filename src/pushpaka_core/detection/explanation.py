"""A plan told to a person: the first lines of a deployment's log."""

from collections.abc import Collection, Iterator, Sequence

from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, StaticSite, Step
from pushpaka_core.domain.run_settings import ChosenSetting

_UNITS = {"health_check_timeout": " s", "cpu_limit": " cores", "memory_limit": " MiB"}


def explain(
    plan: BuildPlan,
    settings: Sequence[ChosenSetting] = (),
    set_names: Collection[str] = (),
) -> tuple[str, ...]:
    """
    Say what was decided, why, what was passed over, which commands will run, and what is missing.

    Args:
        plan: What detection has found.
        settings: How it is run; those that are as usual go without saying.
        set_names: The env vars that the deployment has.
    """
    return (
        _headline(plan),
        *(f"  because {_with_place(one)}" for one in plan.evidence),
        *(f"  not {one.framework}: {one.reason}" for one in plan.rejected),
        *_commands(plan),
        *_files(plan.static),
        *(_setting(one) for one in settings if one.origin is not Origin.DEFAULT),
        *_variables(plan, set_names),
    )


def _headline(plan: BuildPlan) -> str:
    version = f" {plan.language_version}" if plan.language_version else ""
    manager = f", installed by {plan.package_manager}" if plan.package_manager else ""
    tools = f"{plan.language}{version}{manager}"
    made_with = plan.framework + (f" ({tools})" if tools != plan.framework else "")
    if plan.framework_origin is Origin.DETECTED:
        return f"Detected {made_with}"
    return f"Chosen: {made_with} [{plan.framework_origin}]"


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


def _files(site: StaticSite | None) -> Iterator[str]:
    if site:
        error = f", {site.not_found} as an error where no file fits" if site.not_found else ""
        page = f", {site.fallback} where no file fits" if site.fallback else error
        yield f"serves the files of {site.directory}{page} [{site.origin}]"


def _setting(setting: ChosenSetting) -> str:
    unit = _UNITS.get(setting.name, "")
    return f"{setting.name.replace('_', ' ')}: {setting.value}{unit} [{setting.origin}]"


def _variables(plan: BuildPlan, set_names: Collection[str]) -> Iterator[str]:
    is_set = [name for name in plan.env_names if name in set_names]
    missing = [name for name in plan.env_names if name not in set_names]
    if is_set:
        yield f"the code reads {', '.join(is_set)}"
    if missing:
        yield f"the code reads {', '.join(missing)}: not set"
    if required := plan.missing_env(set_names):
        yield f"the repository requires {', '.join(required)}: not set"
