"""The one way from a tree to a plan: the user's words, then the Procfile, then what is found."""

from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from pushpaka_core.detection.languages import LANGUAGES, Language
from pushpaka_core.detection.procfile import Procfile, read_procfile
from pushpaka_core.detection.refusal import nothing_found, unknown_framework
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.detection.wishes import Question, Wishes
from pushpaka_core.domain.build_plans import BuildPlan, Origin, Rejected, Step
from pushpaka_core.domain.frameworks import AUTO, FRAMEWORKS, canonical_framework


def detect(repository: FileTree, wishes: Wishes) -> BuildPlan:
    """
    Return how to install, build and start what is in *repository*, and why.

    Raises:
        DetectionError: If no plan can be made; the message says what was looked
            for, what was found, and what to do.
    """
    tree = below(repository, wishes.root_dir)
    procfile = read_procfile(tree)
    given = _given_processes(wishes, procfile)
    question = Question(
        tree=tree,
        repository=repository,
        directory=wishes.root_dir,
        framework=_chosen(wishes),
        has_web="web" in given,
        has_install=bool(wishes.install_command),
    )
    proposal = _first_proposal(question)
    evidence = (*(procfile.evidence() if procfile else ()), *proposal.plan.evidence)
    return evolve(
        proposal.plan,
        directory=proposal.plan.directory or wishes.root_dir,
        install=_wished(wishes.install_command) or proposal.plan.install,
        build=(*proposal.added(), *_build(wishes, proposal.plan)),
        processes={**proposal.plan.processes, **given},
        evidence=evidence,
        rejected=(*proposal.rejected, *proposal.plan.rejected),
    )


@frozen(kw_only=True)
class _Proposal:
    """The plan of one language, with those that were looked at in vain."""

    language: Language
    plan: BuildPlan
    rejected: tuple[Rejected, ...]

    def added(self) -> tuple[Step, ...]:
        """Return the step that installs what the project does not bring."""
        if not self.plan.added_packages:
            return ()
        packages = " ".join(self.plan.added_packages)
        command = self.language.add_command.format(packages=packages)
        return (Step(command=command, origin=Origin.DETECTED),)


def _given_processes(wishes: Wishes, procfile: Procfile | None) -> Mapping[str, Step]:
    """Return the processes that somebody named; the project's settings beat the Procfile."""
    processes = dict(procfile.processes) if procfile else {}
    start = _wished(wishes.start_command)
    return {**processes, "web": start} if start else processes


def _wished(command: str | None) -> Step | None:
    text = (command or "").strip()
    return Step(command=text, origin=Origin.PROJECT) if text else None


def _build(wishes: Wishes, plan: BuildPlan) -> tuple[Step, ...]:
    wished = _wished(wishes.build_command)
    return (wished,) if wished else plan.build


def _chosen(wishes: Wishes) -> str | None:
    """Return the canonical name of the chosen framework."""
    if not wishes.framework:
        return None
    try:
        name = canonical_framework(wishes.framework)
    except ValueError as error:
        raise unknown_framework(wishes.framework, str(error)) from None
    return None if name == AUTO else name


def _first_proposal(question: Question) -> _Proposal:
    rejected: list[Rejected] = []
    languages = _asked(question)
    for position, language in enumerate(languages):
        answer = _answer(language, question)
        if isinstance(answer, Rejected):
            rejected.append(answer)
        if isinstance(answer, BuildPlan):
            later = _outranked(languages[position + 1 :], language, question.tree)
            return _Proposal(language=language, plan=answer, rejected=(*rejected, *later))
        if answer and language.analyse is None and not question.has_web:
            break
    raise nothing_found(question, tuple(rejected))


def _asked(question: Question) -> tuple[Language, ...]:
    """Return the languages in question; a shell can run a given command whatever was chosen."""
    if question.framework is None:
        return LANGUAGES
    wanted = {FRAMEWORKS[question.framework].language}
    if question.has_web:
        wanted.add("shell")
    return tuple(language for language in LANGUAGES if language.name in wanted)


def _answer(language: Language, question: Question) -> BuildPlan | Rejected | None:
    if language.analyse:
        return language.analyse(question)
    trigger = language.trigger_in(question.tree)
    if trigger is None and question.framework is None:
        return None
    found = f" ({trigger} is there)" if trigger else ""
    reason = f"{language.title} is known{found}, but not built here yet"
    return Rejected(framework=language.name, reason=reason)


def _outranked(
    languages: tuple[Language, ...], winner: Language, tree: FileTree
) -> Iterator[Rejected]:
    """Name those that also had something to say."""
    for language in languages:
        trigger = language.trigger_in(tree)
        if trigger and language.name != winner.name:
            reason = f"{trigger} is there too, but {winner.title} comes first"
            yield Rejected(framework=language.name, reason=reason)
