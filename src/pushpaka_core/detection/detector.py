"""Combines project settings, repository configuration and detection into one build plan."""

import shlex
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from attrs import evolve, frozen

from pushpaka_core.detection.build_overrides import BuildOverrides, DetectionContext
from pushpaka_core.detection.declared_config import DeclaredConfig
from pushpaka_core.detection.detection_failure import not_detected_error
from pushpaka_core.detection.languages import LANGUAGES, Language
from pushpaka_core.detection.listening import is_guess
from pushpaka_core.detection.node.script_managers import called_package_managers
from pushpaka_core.detection.platform_manifests import add_requested_env_vars
from pushpaka_core.detection.steps import detected_step
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, RejectedCandidate
from pushpaka_core.domain.pipeline.frameworks import FRAMEWORKS


def detect(repository: FileTree, build_overrides: BuildOverrides) -> BuildPlan:
    """Return the build plan of an application."""
    tree = subtree(repository, build_overrides.root_dir)
    declared_config = DeclaredConfig.read(tree, build_overrides)
    context = DetectionContext(
        tree=tree,
        repository=repository,
        directory=build_overrides.root_dir,
        framework=declared_config.framework,
        has_web_command=declared_config.has_web,
        has_only_workers=declared_config.has_only_workers,
        has_install_command=declared_config.install is not None,
        site=declared_config.site,
        packaging=build_overrides.packaging,
        dockerfile=declared_config.dockerfile,
    )
    proposal = _first_proposal(context)
    if not declared_config.evidence and _has_own_config(repository, proposal.plan, build_overrides):
        return _detect_in_subdirectory(repository, proposal.plan, build_overrides)
    plan = _apply_declared_config(proposal, declared_config, build_overrides)
    proposal.language.check(context, plan)
    plan = evolve(plan, called_managers=called_package_managers(repository, plan))
    return add_requested_env_vars(plan, repository, build_overrides.root_dir)


def _has_own_config(repository: FileTree, plan: BuildPlan, build_overrides: BuildOverrides) -> bool:
    """Return True if detection chose a subdirectory that has its own Procfile or pushpaka.toml."""
    chosen = PurePosixPath(plan.directory)
    if chosen in {PurePosixPath(), PurePosixPath(build_overrides.root_dir)}:
        return False
    return bool(DeclaredConfig.read(subtree(repository, plan.directory), build_overrides).evidence)


def _detect_in_subdirectory(
    repository: FileTree, detected_plan: BuildPlan, build_overrides: BuildOverrides
) -> BuildPlan:
    """Detect again in the chosen subdirectory, and keep the evidence for choosing it."""
    plan = detect(repository, evolve(build_overrides, root_dir=detected_plan.directory))
    choice = [one for one in detected_plan.evidence if one not in plan.evidence]
    return evolve(plan, evidence=(*choice, *plan.evidence))


def _apply_declared_config(
    proposal: "_LanguagePlan", declared_config: DeclaredConfig, build_overrides: BuildOverrides
) -> BuildPlan:
    """Return the plan of *proposal* with declared values in place of detected ones."""
    plan = proposal.plan
    return evolve(
        plan,
        framework_origin=declared_config.framework_origin,
        directory=plan.directory or build_overrides.root_dir,
        install=plan.install
        if declared_config.install is None
        else next(iter(declared_config.install), None),
        build=(
            *proposal.extra_install_steps(),
            *(plan.build if declared_config.build is None else declared_config.build),
        ),
        processes=declared_config.merge_processes(plan.processes),
        static=declared_config.resolve_site(plan.static),
        settings=evolve(
            declared_config.settings, port=declared_config.settings.port or plan.settings.port
        ),
        evidence=(*declared_config.evidence, *plan.evidence),
        rejected=(*proposal.rejected, *plan.rejected),
    )


@frozen(kw_only=True)
class _LanguagePlan:
    """The plan of the first matching language, with the candidates rejected before and after it."""

    language: Language
    plan: BuildPlan
    rejected: tuple[RejectedCandidate, ...]

    def extra_install_steps(self) -> tuple[BuildStep, ...]:
        """Return the step that installs packages which the project does not list."""
        if not self.plan.added_packages:
            return ()
        packages = shlex.join(self.plan.added_packages)
        command = self.language.add_command.format(packages=packages)
        return (detected_step(command),)


def _first_proposal(context: DetectionContext) -> _LanguagePlan:
    """
    Return the plan of the first language for which one can be made.

    A repository that declares only workers gets a plan without a web process, unless a program that
    listens or a site is found.

    Raises:
        DetectionError: If nothing is found.
    """
    rejected: list[RejectedCandidate] = []
    reported: set[str] = set()
    languages = _candidate_languages(context)
    for position, language in enumerate(languages):
        result = _analyze_language(language, context)
        if isinstance(result, RejectedCandidate):
            rejected.append(result)
        if result:
            reported.add(language.name)
        if (
            isinstance(result, BuildPlan)
            and context.has_only_workers
            and is_guess(result, context.tree)
        ):
            break
        if isinstance(result, BuildPlan):
            later = _outranked_candidates(
                languages[position + 1 :], language, reported, context.tree
            )
            return _LanguagePlan(language=language, plan=result, rejected=(*rejected, *later))
    if context.has_only_workers:
        return _first_proposal(evolve(context, has_web_command=True, has_only_workers=False))
    raise not_detected_error(context, tuple(rejected))


def _candidate_languages(context: DetectionContext) -> tuple[Language, ...]:
    """
    Return the languages to try, narrowed down by the chosen framework.

    A given command or site needs no toolchain, so "shell" or "static" is tried as well. Languages
    of last resort are left out if the repository is in a language that cannot be built here.
    """
    if context.framework is None:
        skips = not context.has_web_command and any(
            _needs_container_runtime(one, context) for one in LANGUAGES
        )
        return tuple(one for one in LANGUAGES if not (skips and one.is_last_resort))
    languages = {FRAMEWORKS[context.framework].language}
    if context.has_web_command:
        languages.add("static" if context.site else "shell")
    return tuple(language for language in LANGUAGES if language.name in languages)


def _needs_container_runtime(language: Language, context: DetectionContext) -> bool:
    """Return True if the repository is in a language that needs a container runtime."""
    is_built = language.is_supported(context.packaging)
    return not is_built and language.find_trigger(context.tree) is not None


def _analyze_language(
    language: Language, context: DetectionContext
) -> BuildPlan | RejectedCandidate | None:
    if language.is_supported(context.packaging):
        return language.analyze(context)
    trigger = language.find_trigger(context.tree)
    if trigger is None and context.framework is None:
        return None
    found = f" ({trigger} exists)" if trigger else ""
    reason = (
        f"{language.title} is supported{found}, but only by a container runtime."
        " Set PUSHPAKA_RUNTIME=docker"
    )
    return RejectedCandidate(framework=language.name, reason=reason)


def _outranked_candidates(
    languages: tuple[Language, ...],
    winner: Language,
    reported_names: Collection[str],
    tree: FileTree,
) -> Iterator[RejectedCandidate]:
    """
    Yield those of *languages* that match too, as rejected candidates, because *winner* takes
    precedence.

    An index.html next to a package.json belongs to that Node.js project, so it is not listed.
    """
    passed_over = {*reported_names, *(("static",) if winner.name == "node" else ())}
    for language in languages:
        trigger = language.find_trigger(tree)
        if trigger and language.name not in passed_over:
            reason = (
                f"{trigger} exists too, but {winner.title} takes precedence."
                " Set framework to choose"
            )
            yield RejectedCandidate(framework=language.name, reason=reason)
