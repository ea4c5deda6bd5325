"""The one way from a tree to a plan: the user's words, the repository's words, what is found."""

import shlex
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from attrs import evolve, frozen

from pushpaka_core.detection.languages import LANGUAGES, Language
from pushpaka_core.detection.refusal import nothing_found
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.detection.wishes import Question, Wishes
from pushpaka_core.detection.words import Words
from pushpaka_core.domain.build_plans import BuildPlan, Origin, Rejected, Step
from pushpaka_core.domain.frameworks import FRAMEWORKS


def detect(repository: FileTree, wishes: Wishes) -> BuildPlan:
    """Return the plan, or raise DetectionError, as the package promises it."""
    tree = below(repository, wishes.root_dir)
    words = Words.about(tree, wishes)
    question = Question(
        tree=tree,
        repository=repository,
        directory=wishes.root_dir,
        framework=words.framework,
        has_web=words.has_web,
        has_install=words.install is not None,
        site=words.site,
        packaging=wishes.packaging,
        dockerfile=words.dockerfile,
    )
    proposal = _first_proposal(question)
    if not words.evidence and _speaks_for_itself(repository, proposal.plan, wishes):
        return _in_its_own_words(repository, proposal.plan, wishes)
    plan = _with_words(proposal, words, wishes)
    proposal.language.check(question, plan)
    return plan


def _speaks_for_itself(repository: FileTree, plan: BuildPlan, wishes: Wishes) -> bool:
    """Tell whether a directory was chosen below that has a Procfile or a pushpaka.toml."""
    chosen = PurePosixPath(plan.directory)
    if chosen in {PurePosixPath(), PurePosixPath(wishes.root_dir)}:
        return False
    return bool(Words.about(below(repository, plan.directory), wishes).evidence)


def _in_its_own_words(repository: FileTree, found: BuildPlan, wishes: Wishes) -> BuildPlan:
    """Return the plan of the chosen directory, with the reasons why it was chosen."""
    plan = detect(repository, evolve(wishes, root_dir=found.directory))
    choice = [one for one in found.evidence if one not in plan.evidence]
    return evolve(plan, evidence=(*choice, *plan.evidence))


def _with_words(proposal: "_Proposal", words: Words, wishes: Wishes) -> BuildPlan:
    """Return the plan of *proposal* with what somebody said in place of what was found."""
    plan = proposal.plan
    return evolve(
        plan,
        framework_origin=words.framework_origin,
        directory=plan.directory or wishes.root_dir,
        install=plan.install if words.install is None else next(iter(words.install), None),
        build=(*proposal.added(), *(plan.build if words.build is None else words.build)),
        processes=words.processes_over(plan.processes),
        static=words.site_over(plan.static),
        settings=evolve(words.settings, port=words.settings.port or plan.settings.port),
        evidence=(*words.evidence, *plan.evidence),
        rejected=(*proposal.rejected, *plan.rejected),
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
        packages = shlex.join(self.plan.added_packages)
        command = self.language.add_command.format(packages=packages)
        return (Step(command=command, origin=Origin.DETECTED),)


def _first_proposal(question: Question) -> _Proposal:
    rejected: list[Rejected] = []
    said: set[str] = set()
    languages = _asked(question)
    for position, language in enumerate(languages):
        answer = _answer(language, question)
        if isinstance(answer, Rejected):
            rejected.append(answer)
        if answer:
            said.add(language.name)
        if isinstance(answer, BuildPlan):
            later = _outranked(languages[position + 1 :], language, said, question.tree)
            return _Proposal(language=language, plan=answer, rejected=(*rejected, *later))
    raise nothing_found(question, tuple(rejected))


def _asked(question: Question) -> tuple[Language, ...]:
    """Return the languages in question; a given command or site needs none of them."""
    if question.framework is None:
        skips = not question.has_web and any(_is_out_of_reach(one, question) for one in LANGUAGES)
        return tuple(one for one in LANGUAGES if not (skips and one.is_last_resort))
    wanted = {FRAMEWORKS[question.framework].language}
    if question.has_web:
        wanted.add("static" if question.site else "shell")
    return tuple(language for language in LANGUAGES if language.name in wanted)


def _is_out_of_reach(language: Language, question: Question) -> bool:
    """Tell whether a repository is in a language that only images are made for."""
    is_built = language.is_built(question.packaging)
    return not is_built and language.trigger_in(question.tree) is not None


def _answer(language: Language, question: Question) -> BuildPlan | Rejected | None:
    if language.is_built(question.packaging):
        return language.analyse(question)
    trigger = language.trigger_in(question.tree)
    if trigger is None and question.framework is None:
        return None
    found = f" ({trigger} is there)" if trigger else ""
    reason = (
        f"{language.title} is known{found}, but needs a runtime of containers:"
        " PUSHPAKA_RUNTIME=docker"
    )
    return Rejected(framework=language.name, reason=reason)


def _outranked(
    languages: tuple[Language, ...], winner: Language, said: Collection[str], tree: FileTree
) -> Iterator[Rejected]:
    """Name those that also had something to say; the page of a Node.js project is its own."""
    passed_over = {*said, *(("static",) if winner.name == "node" else ())}
    for language in languages:
        trigger = language.trigger_in(tree)
        if trigger and language.name not in passed_over:
            reason = (
                f"{trigger} is there too, but {winner.title} comes first:"
                " set framework to have it otherwise"
            )
            yield Rejected(framework=language.name, reason=reason)
