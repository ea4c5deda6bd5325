"""Which directory of a repository is the application, where the repository itself is none."""

from collections.abc import Callable, Iterator

from attrs import evolve

from pushpaka_core.detection.python.project import FILES
from pushpaka_core.detection.python.workspaces import Workspace
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

_SIGNS = (*FILES, "manage.py")
_OTHERS = (
    "package.json", "deno.json", "go.mod", "Cargo.toml", "Gemfile", "composer.json", "pom.xml",
    "build.gradle", "build.gradle.kts", "mix.exs", "Dockerfile", "Staticfile",
)  # fmt: skip
_WORDS = "pushpaka.toml"
"""It counts where root_dir leads to it; to pass it over would be worse than to ask."""
_PASSED_OVER = frozenset(
    {
        "tests", "test", "docs", "doc", "examples", "example", "samples", "scripts", "tools",
        "node_modules", "vendor", "notebooks", "benchmarks", "requirements",
    }
)  # fmt: skip
_SHOWN = 5

_Analyse = Callable[[Question], BuildPlan | Rejected | None]


def members_of(question: Question) -> tuple[str, ...]:
    """Return the members of the workspace that the application's directory is the root of."""
    workspace = Workspace.at(question.tree, "")
    return workspace.directories(question.tree) if workspace else ()


def only_application(
    question: Question, members: tuple[str, ...], analyse: _Analyse
) -> BuildPlan | Rejected | None:
    """Return the plan of the one directory below that holds an application."""
    if question.has_web:
        return None
    places = members or tuple(_directories(question.tree))
    answers = {place: analyse(_inside(question, place)) for place in places}
    plans = {place: one for place, one in answers.items() if isinstance(one, BuildPlan)}
    others = tuple(_foreign(question.tree, plans))
    if len(plans) == 1 and not others:
        [(place, plan)] = plans.items()
        evidence = Evidence(reason=f"{place}/ holds the only application of the repository")
        return evolve(plan, evidence=(evidence, *plan.evidence))
    if plans:
        return _several(sorted((*plans, *others)))
    return next((one for one in answers.values() if isinstance(one, Rejected)), None)


def _inside(question: Question, place: str) -> Question:
    directory = f"{question.directory}/{place}" if question.directory else place
    return evolve(question, tree=below(question.tree, place), directory=directory)


def _directories(tree: FileTree) -> Iterator[str]:
    """Yield the directories just below that say what Python is to install."""
    if any(map(tree.exists, _OTHERS)):
        return
    parents = dict.fromkeys(path.partition("/")[0] for path in tree.paths() if "/" in path)
    for parent in parents:
        is_open = parent not in _PASSED_OVER and not tree.exists(f"{parent}/{_WORDS}")
        if is_open and any(tree.exists(f"{parent}/{name}") for name in _SIGNS):
            yield parent


def _foreign(tree: FileTree, plans: dict[str, BuildPlan]) -> Iterator[str]:
    """Yield the directories just below that look like applications of other languages."""
    parents = dict.fromkeys(path.partition("/")[0] for path in tree.paths() if "/" in path)
    for parent in parents:
        is_open = parent not in plans and parent not in _PASSED_OVER
        if is_open and any(tree.exists(f"{parent}/{name}") for name in _OTHERS):
            yield parent


def _several(places: list[str]) -> Rejected:
    shown = ", ".join(places[:_SHOWN]) + (" and others" if len(places) > _SHOWN else "")
    reason = f"there are applications in {shown}: set root_dir to the one that is meant"
    return Rejected(framework="python", reason=reason)
