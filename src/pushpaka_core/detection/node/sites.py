"""Generators and bundlers that leave files behind: the rules for most of them, as data."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from posixpath import join, normpath

from attrs import frozen

from pushpaka_core.detection.node.answers import Answer, Site, own_server
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import path_setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import all_words
from pushpaka_core.domain.build_plans import Evidence, StaticSite

INDEX = "index.html"
NOT_FOUND = "404.html"
_PAGES = ("404.*", "src/404.*", "src/pages/404.*", "source/404.*", "public/404.html")


@frozen(kw_only=True)
class SiteRule:
    """Where a tool puts its files, and how it wants addresses without a file to be answered."""

    output: str
    configs: tuple[str, ...] = ()
    """Stems of its configuration files."""
    keys: tuple[str, ...] = ()
    """Settings there that name another directory."""
    section: str = ""
    """The setting in which those stand."""
    flags: tuple[str, ...] = ()
    """Flags of the build script that do."""
    needs: tuple[str, ...] = ()
    """Packages of which one must be there, or the tool makes no pages."""
    sources: tuple[str, ...] = ()
    """Files of which one must be there."""
    is_single_page: bool = False
    """Whether its index.html answers everything, since the addresses are made in the browser."""
    has_error_page: bool = False
    """Whether it always makes a 404.html, not only from one of the project."""

    def __call__(self, project: NodeProject) -> Answer:
        """Say what is served."""
        if server := own_server(project):
            return server
        if self.needs and not project.manifest.has(*self.needs):
            return None
        if self.sources and not has_file(project, self.sources):
            return None
        directory, evidence = self._directory(project)
        fallback = INDEX if self.is_single_page else None
        return Site(
            site=StaticSite(
                directory=directory,
                fallback=fallback,
                not_found=None if fallback else self._not_found(project),
            ),
            evidence=evidence,
        )

    def _directory(self, project: NodeProject) -> tuple[str, tuple[Evidence, ...]]:
        if told := flag_of_build(project, self.flags):
            reason = f"the build writes to {told}"
            name = build_script(project) or "build"
            return normpath(told), (project.manifest.evidence(reason, "scripts", name),)
        code = project.config(*self.configs)
        code = code[max(code.find(self.section), 0) :]
        told = next((path for key in self.keys if (path := path_setting(code, key))), None)
        if told:
            directory = inner(told)
            return directory, (project.said_in(f"the build writes to {told}", *self.configs),)
        return self.output, (Evidence(reason=f"its build writes to {self.output}"),)

    def _not_found(self, project: NodeProject) -> str | None:
        return NOT_FOUND if self.has_error_page or has_file(project, _PAGES) else None


def inner(path: str, root: str = ".") -> str:
    """Return *path*, which is written in the directory *root*, relative to the application."""
    return normpath(join(root, path.lstrip("/")))


def flag_of_build(project: NodeProject, flags: Sequence[str]) -> str | None:
    """Return the value of the first of *flags* with which the build script calls a program."""
    name = build_script(project)
    for words in all_words(project.manifest, name) if name and flags else ():
        for word, following in zip(words, (*words[1:], ""), strict=True):
            flag, equals, value = word.partition("=")
            if flag in flags and (value or following):
                return value if equals else following
    return None


def has_file(project: NodeProject, patterns: Sequence[str]) -> bool:
    """Tell whether one of *patterns* names a file of the application."""
    return any(
        fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
        for path in project.tree.paths()
        for pattern in patterns
    )


CREATE_REACT_APP = SiteRule(output="build", is_single_page=True)
VUE_CLI = SiteRule(
    output="dist",
    configs=("vue.config",),
    keys=("outputDir",),
    flags=("--dest",),
    is_single_page=True,
)
GATSBY = SiteRule(output="public")
ELEVENTY = SiteRule(
    output="_site",
    configs=("eleventy.config", ".eleventy"),
    keys=("output",),
    section="dir",
    flags=("--output",),
)
DOCUSAURUS = SiteRule(output="build", flags=("--out-dir",), has_error_page=True)
HEXO = SiteRule(output="public")
RSPRESS = SiteRule(
    output="doc_build", configs=("rspress.config",), keys=("outDir",), has_error_page=True
)
EMBER = SiteRule(output="dist", flags=("--output-path", "-o"), is_single_page=True)
PARCEL = SiteRule(
    output="dist",
    flags=("--dist-dir", "-d", "--out-dir"),
    sources=("*.html", "src/*.html", "public/*.html", "app/*.html"),
    is_single_page=True,
)
RSBUILD = SiteRule(
    output="dist",
    configs=("rsbuild.config",),
    keys=("root",),
    section="distPath",
    is_single_page=True,
)
WEBPACK = SiteRule(
    output="dist",
    configs=(
        "webpack.config",
        "webpack.prod",
        "webpack.config.prod",
        "webpack.common",
        "config/webpack.common",
        "config/webpack.config.prod",
    ),
    keys=("path",),
    section="output",
    flags=("--output-path", "-o"),
    needs=("html-webpack-plugin", "copy-webpack-plugin", "html-bundler-webpack-plugin"),
    is_single_page=True,
)
RSPACK = SiteRule(
    output="dist",
    configs=("rspack.config",),
    keys=("path",),
    section="output",
    is_single_page=True,
)
UMI = SiteRule(
    output="dist", configs=(".umirc", "config/config"), keys=("outputPath",), is_single_page=True
)
SLIDEV = SiteRule(output="dist", flags=("--out", "-o"), is_single_page=True)
PREACT_CLI = SiteRule(output="build", flags=("--dest",), is_single_page=True)
STENCIL = SiteRule(output="www", sources=("src/index.html",), is_single_page=True)
EXPO = SiteRule(
    output="dist", flags=("--output-dir",), needs=("react-native-web",), is_single_page=True
)
QUASAR = SiteRule(output="dist/spa", is_single_page=True)
SNOWPACK = SiteRule(output="build", is_single_page=True)
STORYBOOK = SiteRule(output="storybook-static", flags=("-o", "--output-dir"))
