"""Static sites: directories of files that are served without a program."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from attrs import evolve, field, frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.node import language as node
from pushpaka_core.detection.node.analysis import NodeAnalysis
from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.detection.node.project import read_project
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    Evidence,
    RejectedCandidate,
    StaticSite,
)
from pushpaka_core.errors import DetectionError

STATICFILE = "Staticfile"
DIRECTORIES = (
    ".", "public", "dist", "build", "out", "_site", "site", "www", "htdocs", "html",
    "docs", "website", "web", "static", "src",
)  # fmt: skip
INDEX_FILES = tuple(str(PurePosixPath(directory, "index.html")) for directory in DIRECTORIES)

_DOCUMENTATION = "docs"
"""The directory for documentation. If a repository declares only workers, it is not a site."""
_NOT_FOUND = "404.html"
_PUSHSTATE = {"enabled": True, "true": True, "disabled": False, "false": False}


def plan_staticfile(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for the site of a Staticfile, or None if there is none.

    Without a `root` in the Staticfile, the `build` script of package.json determines the directory.
    """
    if context.has_web_command or not context.tree.exists(STATICFILE):
        return None
    staticfile = _read_staticfile(context.tree)
    if (
        staticfile.directory is None
        and context.framework is None
        and _has_build_script(context.tree)
    ):
        return _plan_node_site(context, staticfile)
    directory = staticfile.directory or index_directory(context.tree) or "."
    plan = _plan(
        context.tree,
        directory,
        fallback_page="index.html" if staticfile.pushstate else None,
        evidence=staticfile.evidence,
    )
    return plan if _has_directory(context.tree, directory) else _plan_with_build(context, plan)


def _plan_node_site(
    context: DetectionContext, staticfile: "_Staticfile"
) -> BuildPlan | RejectedCandidate:
    """Return the plan for the package.json, with the page options of the Staticfile."""
    plan = node.analyze(context)
    if not isinstance(plan, BuildPlan):
        reason = (
            "the Staticfile sets no root, and the output directory of the build script in"
            " package.json is unknown. Set it in the Staticfile, for example `root: dist`"
        )
        return RejectedCandidate(framework="static", reason=reason)
    site = plan.static
    if site and staticfile.pushstate is not None:
        not_found = None if staticfile.pushstate else site.not_found
        fallback = "index.html" if staticfile.pushstate else None
        site = evolve(site, fallback=fallback, not_found=not_found)
    return evolve(plan, static=site, evidence=(*staticfile.evidence, *plan.evidence))


def _plan_with_build(context: DetectionContext, site: BuildPlan) -> BuildPlan:
    """Return a plan that creates the directory of *site* with the `build` script."""
    project = read_project(context.repository, context.directory or ".")
    plan = NodeAnalysis(project=project, chosen=None).plan_without_start()
    return evolve(plan, static=site.static, evidence=(*site.evidence, *plan.evidence))


def plan_index_page(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan that serves the declared site or, by default, `index_directory`.

    Return a rejection if there is a build script whose output directory is unknown, or if the
    framework "static" is chosen and there is no page. Return None if there is no site.
    """
    directory = index_directory(context.tree)
    if context.site:
        return BuildPlan(framework="static", language="static", static=context.site)
    if context.has_web_command:
        return None
    if context.has_only_workers and context.framework is None and directory == _DOCUMENTATION:
        return None
    if directory is None:
        return _missing_page_rejection() if context.framework == "static" else None
    path = str(PurePosixPath(directory, "index.html"))
    if context.framework is None and _has_build_script(context.tree):
        return RejectedCandidate(
            framework="static",
            reason=(
                f"{path} exists, but package.json has a build script whose output directory is"
                " unknown. Set static.directory in a pushpaka.toml"
            ),
        )
    return _plan(
        context.tree, directory, evidence=(Evidence(reason="there is an index.html", path=path),)
    )


def index_directory(tree: FileTree) -> str | None:
    """
    Return the first of `DIRECTORIES` that contains an index.html, or None.

    Subdirectories that have a package.json are skipped, because their page must be built first.
    """
    pairs = zip(DIRECTORIES, INDEX_FILES, strict=True)
    return next(
        (
            directory
            for directory, path in pairs
            if tree.exists(path) and (directory == "." or not _is_project(tree, directory))
        ),
        None,
    )


def _has_build_script(tree: FileTree) -> bool:
    return "build" in read_manifest(tree, ".").scripts


def _missing_page_rejection() -> RejectedCandidate:
    places = ", ".join(INDEX_FILES)
    return RejectedCandidate(
        framework="static", reason=f"there is no index.html (looked for {places})"
    )


def _is_project(tree: FileTree, directory: str) -> bool:
    return tree.exists(f"{directory}/{FILE}")


def _plan(
    tree: FileTree,
    directory: str,
    *,
    fallback_page: str | None = None,
    evidence: tuple[Evidence, ...],
) -> BuildPlan:
    has_own_page = tree.exists(str(PurePosixPath(directory, _NOT_FOUND)))
    return BuildPlan(
        framework="static",
        language="static",
        static=StaticSite(
            directory=directory,
            fallback=fallback_page,
            not_found=_NOT_FOUND if has_own_page and fallback_page is None else None,
        ),
        evidence=evidence,
    )


@frozen(kw_only=True)
class _Staticfile:
    """The parsed settings of a Staticfile."""

    directory: str | None = None
    pushstate: bool | None = None
    """True if unknown paths get index.html. None lets detection decide."""
    evidence: tuple[Evidence, ...] = field(default=())


def _read_staticfile(tree: FileTree) -> _Staticfile:
    directory = None
    pushstate = None
    evidence = [Evidence(reason="there is a Staticfile", path=STATICFILE)]
    for number, key, value in _entries(tree.read(STATICFILE) or ""):
        match key:
            case "root":
                directory = _valid_root(tree, value, number)
                evidence.append(_staticfile_evidence(f"root is {directory}", number))
            case "pushstate" | "index_fallback" if value.lower() in _PUSHSTATE:
                pushstate = _PUSHSTATE[value.lower()]
                evidence.append(_staticfile_evidence(f"{key} is {value.lower()}", number))
            case "pushstate":
                raise _error(number, "must be `pushstate: enabled` or `pushstate: disabled`")
            case "index_fallback":
                raise _error(number, "must be `index_fallback: true` or `index_fallback: false`")
            case _:
                evidence.append(
                    _staticfile_evidence("this line is not supported and is ignored", number)
                )
    return _Staticfile(directory=directory, pushstate=pushstate, evidence=tuple(evidence))


def _entries(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        key, colon, value = line.partition(":")
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, key.strip().lower() if colon else "", value.strip().strip("'\"")


def _valid_root(tree: FileTree, value: str, number: int) -> str:
    root = PurePosixPath(value or ".")
    if root.is_absolute() or ".." in root.parts:
        raise _error(number, "must name a directory inside the repository")
    directory = str(root)
    if not (_has_directory(tree, directory) or _has_build_script(tree)):
        raise _error(number, "names a directory that does not exist or is empty")
    return directory


def _has_directory(tree: FileTree, directory: str) -> bool:
    return directory == "." or any(path.startswith(f"{directory}/") for path in tree.paths())


def _staticfile_evidence(reason: str, line: int) -> Evidence:
    return Evidence(reason=reason, path=STATICFILE, line=line)


def _error(line: int, message: str) -> DetectionError:
    return DetectionError(f"Line {line} of the Staticfile {message}. Fix the file and push again.")
