"""Sites that need no program: files to be served as they are."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from attrs import evolve, field, frozen

from pushpaka_core.detection.node.analysis import Analysis
from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.detection.node.project import read_project
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected, StaticSite
from pushpaka_core.errors import DetectionError

STATICFILE = "Staticfile"
DIRECTORIES = (
    ".", "public", "dist", "build", "out", "_site", "site", "www", "htdocs", "html",
    "docs", "website", "web", "static", "src",
)  # fmt: skip
INDEX_FILES = tuple(str(PurePosixPath(directory, "index.html")) for directory in DIRECTORIES)

_NOT_FOUND = "404.html"
_PUSHSTATE = {"enabled": True, "true": True, "disabled": False, "false": False}


def from_staticfile(question: Question) -> BuildPlan | None:
    """Take the word of a Staticfile."""
    if question.has_web or not question.tree.exists(STATICFILE):
        return None
    said = _read_staticfile(question.tree)
    directory = said.directory or index_directory(question.tree) or "."
    plan = _plan(
        question.tree,
        directory,
        fallback="index.html" if said.pushstate else None,
        evidence=said.evidence,
    )
    return plan if _is_there(question.tree, directory) else _built_by_node(question, plan)


def _built_by_node(question: Question, site: BuildPlan) -> BuildPlan:
    """Return the plan for a *site* that is there once the script build has run."""
    project = read_project(question.repository, question.directory or ".")
    plan = Analysis(project=project, chosen=None).started_by_others()
    return evolve(plan, static=site.static, evidence=(*site.evidence, *plan.evidence))


def from_index(question: Question) -> BuildPlan | Rejected | None:
    """Serve the first usual directory that has an index.html."""
    directory = index_directory(question.tree)
    if question.site:
        return BuildPlan(framework="static", language="static", static=question.site)
    if question.has_web:
        return None
    if directory is None:
        return _nothing_to_serve() if question.framework == "static" else None
    path = str(PurePosixPath(directory, "index.html"))
    if question.framework is None and _is_built(question.tree):
        return Rejected(
            framework="static",
            reason=(
                f"{path} is there, but package.json has a script build, and where that writes to"
                " is not known: name it as static.directory in a pushpaka.toml"
            ),
        )
    return _plan(
        question.tree, directory, evidence=(Evidence(reason="there is an index.html", path=path),)
    )


def index_directory(tree: FileTree) -> str | None:
    """Return the first usual directory with an index.html that is not the source of another."""
    pairs = zip(DIRECTORIES, INDEX_FILES, strict=True)
    return next(
        (
            directory
            for directory, path in pairs
            if tree.exists(path) and (directory == "." or not _is_project(tree, directory))
        ),
        None,
    )


def _is_built(tree: FileTree) -> bool:
    return "build" in read_manifest(tree, ".").scripts


def _nothing_to_serve() -> Rejected:
    places = ", ".join(INDEX_FILES)
    return Rejected(framework="static", reason=f"there is no index.html (looked for {places})")


def _is_project(tree: FileTree, directory: str) -> bool:
    return tree.exists(f"{directory}/{FILE}")


def _plan(
    tree: FileTree,
    directory: str,
    *,
    fallback: str | None = None,
    evidence: tuple[Evidence, ...],
) -> BuildPlan:
    has_own_page = tree.exists(str(PurePosixPath(directory, _NOT_FOUND)))
    return BuildPlan(
        framework="static",
        language="static",
        static=StaticSite(
            directory=directory,
            fallback=fallback,
            not_found=_NOT_FOUND if has_own_page and fallback is None else None,
        ),
        evidence=evidence,
    )


@frozen(kw_only=True)
class _Staticfile:
    """What a Staticfile says."""

    directory: str | None = None
    pushstate: bool = False
    evidence: tuple[Evidence, ...] = field(default=())


def _read_staticfile(tree: FileTree) -> _Staticfile:
    directory = None
    pushstate = False
    evidence = [Evidence(reason="there is a Staticfile", path=STATICFILE)]
    for number, key, value in _entries(tree.read(STATICFILE) or ""):
        match key:
            case "root":
                directory = _checked_root(tree, value, number)
                evidence.append(_said(f"it serves {directory}", number))
            case "pushstate" if value.lower() in _PUSHSTATE:
                pushstate = _PUSHSTATE[value.lower()]
                evidence.append(_said(f"pushstate is {value.lower()}", number))
            case "pushstate":
                raise _error(number, "must be `pushstate: enabled` or `pushstate: disabled`")
            case _:
                evidence.append(_said("the line has no meaning here and is passed over", number))
    return _Staticfile(directory=directory, pushstate=pushstate, evidence=tuple(evidence))


def _entries(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        key, colon, value = line.partition(":")
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, key.strip().lower() if colon else "", value.strip().strip("'\"")


def _checked_root(tree: FileTree, value: str, number: int) -> str:
    root = PurePosixPath(value or ".")
    if root.is_absolute() or ".." in root.parts:
        raise _error(number, "must name a directory inside the repository")
    directory = str(root)
    if not (_is_there(tree, directory) or _is_built(tree)):
        raise _error(number, "names a directory that does not exist or is empty")
    return directory


def _is_there(tree: FileTree, directory: str) -> bool:
    return directory == "." or any(path.startswith(f"{directory}/") for path in tree.paths())


def _said(reason: str, line: int) -> Evidence:
    return Evidence(reason=reason, path=STATICFILE, line=line)


def _error(number: int, what: str) -> DetectionError:
    return DetectionError(f"Line {number} of the Staticfile {what}. Mend the file and push again.")
