"""Why there is no plan, in sentences that say what to do."""

from collections.abc import Iterable, Iterator

from pushpaka_core.detection import procfile, static
from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Rejected
from pushpaka_core.errors import DetectionError

_SHOWN = 3
_WAY_OUT = (
    "Add a Procfile with a line `web: <command>`, or say in a pushpaka.toml how to start it, or set"
    " the project's start_command (and install_command, where something must be installed)."
)


def unknown_framework(name: str, rule: str) -> DetectionError:
    """Say that *name* is none of those that *rule* names."""
    return DetectionError(f"The project's framework {name[:50]!r} {rule}.")


def nothing_to_serve(said: Iterable[str]) -> DetectionError:
    """Say that nothing serves files, although something was *said* of it."""
    keys = " and ".join(f"static.{key}" for key in said)
    return DetectionError(
        f"pushpaka.toml sets {keys}, but no files are served here."
        " Say which with static.directory, or take the setting away."
    )


def nothing_found(question: Question, rejected: tuple[Rejected, ...]) -> DetectionError:
    """Say what was looked for, what was found, and what to do."""
    return DetectionError(" ".join(_sentences(question, rejected)))


def _sentences(question: Question, rejected: tuple[Rejected, ...]) -> Iterator[str]:
    if question.framework:
        yield f"The project's framework is set to {question.framework}, but no plan could be made."
    elif rejected:
        yield "Nothing in the repository can be deployed as it is."
    else:
        yield f"Nothing that can be deployed was recognised. Looked for {_sought(question)}."
    yield from (f"{one.framework}: {one.reason}." for one in rejected)
    if question.tree.exists(procfile.PATH):
        yield "The Procfile names no web process."
    if not any("root_dir" in one.reason for one in rejected):
        yield from _elsewhere(question.tree)
    yield _WAY_OUT
    if question.framework is None and static.index_directory(question.tree):
        yield "Where the files can be served as they are, set framework to static."


def _sought(question: Question) -> str:
    """Name the languages that can be built, each with the files that speak for it first."""
    reached = (one for one in LANGUAGES if one.is_built(question.packaging))
    built = (one for one in reached if one.name != "dockerfile")
    files = (f"{one.title} ({', '.join(one.triggers[:_SHOWN])})" for one in built)
    return ", ".join((f"a {procfile.PATH}", *files))


def _is_page(place: str, name: str) -> bool:
    """Tell whether it is what an application shows, and no other one."""
    return name in {"index.html", "index.php"} and place in static.DIRECTORIES


def _elsewhere(tree: FileTree) -> Iterator[str]:
    """Name the directories just below that look like applications."""
    triggers = {trigger for language in LANGUAGES for trigger in language.triggers}
    split = (path.split("/") for path in tree.paths())
    pairs = (parts for parts in split if len(parts) == 2 and parts[1] in triggers)
    directories = sorted({place for place, name in pairs if not _is_page(place, name)})
    if directories:
        shown = ", ".join(directories[:_SHOWN])
        yield f"There may be an application in {shown}: set root_dir to its directory."
