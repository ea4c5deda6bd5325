"""Error messages for repositories that cannot be deployed, each with a suggested fix."""

from collections.abc import Iterable, Iterator

from pushpaka_core.detection import procfile, static
from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import RejectedCandidate
from pushpaka_core.errors import DetectionError

_MAX_SHOWN = 3
_REMEDY = (
    "Add a Procfile with a line `web: <command>`, set commands.start in a pushpaka.toml, or set the"
    " project's start_command (and install_command, if there are dependencies to install). If the"
    " program does not listen on a port, like a bot, add a line `worker: <command>` instead."
)


def unknown_framework_error(name: str, rule: str) -> DetectionError:
    """Return the error for a framework name that does not exist. *rule* lists the allowed names."""
    return DetectionError(f"The project's framework {name[:50]!r} {rule}.")


def no_site_error(page_settings: Iterable[str]) -> DetectionError:
    """Return the error for page settings without a site to apply them to."""
    keys = " and ".join(f"static.{key}" for key in page_settings)
    return DetectionError(
        f"pushpaka.toml sets {keys}, but no static site is served."
        f" Set static.directory, or remove {keys}."
    )


def not_detected_error(
    context: DetectionContext, rejected_candidates: tuple[RejectedCandidate, ...]
) -> DetectionError:
    """Return the error that lists what was looked for and what was found, and suggests a fix."""
    return DetectionError(" ".join(_sentences(context, rejected_candidates)))


def _sentences(
    context: DetectionContext, rejected_candidates: tuple[RejectedCandidate, ...]
) -> Iterator[str]:
    if context.framework:
        yield f"The project's framework is set to {context.framework}, but no plan could be made."
    elif rejected_candidates:
        yield "Nothing in the repository can be deployed as is."
    else:
        yield (
            f"Could not detect how to run this repository. Looked for "
            f"{_supported_languages(context)}."
        )
    yield from (f"{one.framework}: {one.reason}." for one in rejected_candidates)
    if context.tree.exists(procfile.PATH):
        yield "The Procfile declares no web process."
    if not any("root_dir" in one.reason for one in rejected_candidates):
        yield from _subdirectory_hints(context.tree)
    yield _REMEDY
    if context.framework is None and static.index_directory(context.tree):
        yield 'To serve the files as they are, set framework to "static".'


def _supported_languages(context: DetectionContext) -> str:
    """List the languages that can be built here, with the main files that identify each."""
    reached = (one for one in LANGUAGES if one.is_supported(context.packaging))
    built = (one for one in reached if one.name != "dockerfile")
    files = (f"{one.title} ({', '.join(one.triggers[:_MAX_SHOWN])})" for one in built)
    return ", ".join((f"a {procfile.PATH}", *files))


def _is_index_page(directory: str, name: str) -> bool:
    """Return True for the index page of the application itself, for example public/index.html."""
    return name in {"index.html", "index.php"} and directory in static.DIRECTORIES


def _subdirectory_hints(tree: FileTree) -> Iterator[str]:
    """Suggest the direct subdirectories that look like applications."""
    triggers = {trigger for language in LANGUAGES for trigger in language.triggers}
    split = (path.split("/") for path in tree.paths())
    pairs = (parts for parts in split if len(parts) == 2 and parts[1] in triggers)
    directories = sorted({place for place, name in pairs if not _is_index_page(place, name)})
    if directories:
        shown = ", ".join(directories[:_MAX_SHOWN])
        yield f"There may be an application in {shown}. Set root_dir to its directory."
