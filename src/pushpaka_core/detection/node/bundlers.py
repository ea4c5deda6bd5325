"""Front ends whose files lie where their configuration says: Vite, VitePress."""

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath

from attrs import evolve

from pushpaka_core.detection.node.answers import Answer, Site, own_server
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import (
    path_setting,
    placed_path,
    setting,
)
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import all_words, script_of
from pushpaka_core.detection.node.sites import (
    CREATE_REACT_APP,
    INDEX,
    NOT_FOUND,
    flag_of_build,
    inner,
)
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

VITE_CONFIG = "vite.config"

_DOCUMENTATION_SCRIPT = "docs:build"
_AT_THE_ROOT = "PUBLIC_URL=${PUBLIC_URL:-/}"
_PAGE_INPUT = re.compile(r"""input\s*:\s*[{\[](?P<pages>[^}\]]{0,1000})[}\]]""")
_BUILD_PATH = re.compile(r"""(?<!\w)BUILD_PATH=['"]?(?P<path>[^\s'"]+)""")
_PATH_AS_BASE = re.compile(
    r"""(?<![\w.$-])base\s*:[^,\n]{0,200}?['"](?P<path>/[^'"\s/][^'"\s]*)['"]"""
)
_LIBRARY = re.compile(r"\blib\s*:\s*\{")
_HTML = re.compile(r"\.html['\"`]")


def vite(project: NodeProject) -> Answer:
    """Serve what Vite makes of an index.html; without one it is used for something else."""
    if server := own_server(project):
        return server
    code = project.config(VITE_CONFIG)
    if _LIBRARY.search(code):
        return None
    root = inner(path_setting(code, "root") or _vite_root(project) or ".")
    if not project.tree.exists(normpath(join(root, INDEX))):
        return None
    told = flag_of_build(project, ("--outDir",))
    output = "dist/client" if "@cloudflare/vite-plugin" in code else "dist"
    placed = None if told else placed_path(code, "outDir", root)
    directory = placed or inner(told or output, root)
    base = _PATH_AS_BASE.search(code)
    is_told = base is not None and _takes_base(project)
    is_single_page = not (_has_pages(code) or setting(code, "appType", "mpa"))
    pages = "" if is_single_page else ", where each page is a file"
    return Site(
        site=StaticSite(directory=directory, fallback=INDEX if is_single_page else None),
        build_arguments="--base=/" if is_told else "",
        evidence=(
            project.said_in(f"the build writes to {directory}{pages}", VITE_CONFIG)
            if code
            else Evidence(reason=f"its build writes to {directory}"),
            *((_about_base(project, base["path"], is_told=is_told),) if base else ()),
        ),
    )


def _takes_base(project: NodeProject) -> bool:
    """Tell whether the build can be told another base than that of the configuration."""
    name = build_script(project)
    script = script_of(project.manifest, name) if name else None
    if script is None or project.workspace:
        return project.workspace is None
    is_vite = script.ends_with(("vite build",)) and script.takes_arguments
    return is_vite and "--base" not in script.text


def _about_base(project: NodeProject, path: str, *, is_told: bool) -> Evidence:
    end = "the build is told so" if is_told else "set base to / for its scripts to be found"
    reason = f"base is {path}, but the site is served at the root: {end}"
    return project.said_in(reason, VITE_CONFIG)


def _vite_root(project: NodeProject) -> str | None:
    """Return the directory with which the build script calls Vite."""
    name = build_script(project)
    for words in all_words(project.manifest, name) if name else ():
        match words:
            case ("vite", "build", str(root), *_) if not root.startswith("-"):
                return root
    return None


def _has_pages(code: str) -> bool:
    return any(len(_HTML.findall(found["pages"])) > 1 for found in _PAGE_INPUT.finditer(code))


def create_react_app(project: NodeProject) -> Answer:
    """Serve what Create React App builds, at the root whatever `homepage` says."""
    answer = CREATE_REACT_APP(project)
    told = _BUILD_PATH.search(project.manifest.scripts.get(build_script(project) or "", ""))
    if isinstance(answer, Site) and told:
        answer = evolve(answer, site=evolve(answer.site, directory=normpath(told["path"])))
    if not isinstance(answer, Site) or not _has_path(project.manifest.text("homepage") or ""):
        return answer
    reason = "homepage has a path, but the site is served at the root: PUBLIC_URL says so"
    evidence = project.manifest.evidence(reason, "homepage")
    return evolve(answer, build_env=_AT_THE_ROOT, evidence=(*answer.evidence, evidence))


def _has_path(address: str) -> bool:
    return bool(re.fullmatch(r"(?:\w+://[^/]+)?/+[^/].*", address))


def vike(project: NodeProject) -> Answer:
    """Take the project's server, or the files that were rendered before."""
    return own_server(project) or Site(
        site=StaticSite(directory="dist/client", not_found=NOT_FOUND),
        evidence=(Evidence(reason="no script starts a server: the pages are rendered before"),),
    )


def vitepress(project: NodeProject) -> Answer:
    """Serve what VitePress makes of the directory in which its configuration lies."""
    return _documentation(project, "vitepress")


def vuepress(project: NodeProject) -> Answer:
    """Do the same for VuePress."""
    return _documentation(project, "vuepress")


def _documentation(project: NodeProject, tool: str) -> Answer:
    """Serve the pages, unless they only accompany what the build script builds."""
    script = build_script(project)
    calls = all_words(project.manifest, script) if script else ()
    if server := own_server(project):
        return server
    if script and not any(tool in words for words in calls):
        return None
    config = next(_configurations(project, f".{tool}"), None)
    if config is None:
        reason = f"there is no .{tool}/config.js or .ts that says where the pages lie"
        return Rejected(framework=tool, reason=reason)
    home = dirname(config)
    root = dirname(home) or "."
    stem = config.rpartition(".")[0]
    code = project.config(stem)
    told = path_setting(code, "outDir") or path_setting(code, "dest")
    directory = inner(told, root if tool == "vitepress" else ".") if told else f"{home}/dist"
    return Site(
        site=StaticSite(directory=directory, not_found=NOT_FOUND),
        build=(
            project.manager.run(_DOCUMENTATION_SCRIPT)
            if _DOCUMENTATION_SCRIPT in project.manifest.scripts
            else project.manager.tool(f"{tool} build {root}")
        ),
        evidence=(project.said_in(f"the build writes to {directory}", stem),),
    )


def _configurations(project: NodeProject, name: str) -> Iterator[str]:
    for path in project.tree.paths():
        directory, _, file = path.rpartition("/")
        if directory.rpartition("/")[2] == name and re.fullmatch(r"config\.[cm]?[jt]s", file):
            yield path
