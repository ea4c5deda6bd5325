"""Static site generators and bundlers: the rules for most of them, as a table."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from posixpath import join, normpath

from attrs import frozen

from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import path_setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import RuleResult, Site, own_server
from pushpaka_core.detection.node.scripts import script_commands
from pushpaka_core.domain.pipeline.build_plans import Evidence, StaticSite

INDEX = "index.html"
NOT_FOUND = "404.html"
_PAGES = ("404.*", "src/404.*", "src/pages/404.*", "source/404.*", "public/404.html")


@frozen(kw_only=True)
class SiteRule:
    """A rule for a site generator: its output directory, and how its sites handle unknown paths."""

    output_directory: str
    configs: tuple[str, ...] = ()
    """Stems of the configuration files."""
    keys: tuple[str, ...] = ()
    """Settings that change the output directory."""
    section: str = ""
    """The section of the configuration with these settings."""
    flags: tuple[str, ...] = ()
    """Flags of the build command that change the output directory."""
    required_packages: tuple[str, ...] = ()
    """Packages, one of which must be listed. If none is listed, the tool builds no pages."""
    sources: tuple[str, ...] = ()
    """File patterns. The rule applies only if a file matches one of them."""
    is_single_page: bool = False
    """True if index.html is served for all paths, because routing happens in the browser."""
    has_error_page: bool = False
    """True if the tool always creates a 404.html, even if the project has none."""

    def __call__(self, project: NodeProject) -> RuleResult:
        """Return the project's own server if there is one, else the site that the tool builds."""
        if server := own_server(project):
            return server
        if self.required_packages and not project.manifest.has(*self.required_packages):
            return None
        if self.sources and not has_file(project, self.sources):
            return None
        directory, evidence = self._site_directory(project)
        fallback = INDEX if self.is_single_page else None
        return Site(
            site=StaticSite(
                directory=directory,
                fallback=fallback,
                not_found=None if fallback else self._not_found_page(project),
            ),
            evidence=evidence,
        )

    def _site_directory(self, project: NodeProject) -> tuple[str, tuple[Evidence, ...]]:
        if flag := build_flag_value(project, self.flags):
            reason = f"the build writes to {flag}"
            name = build_script(project) or "build"
            return normpath(flag), (project.manifest.evidence(reason, "scripts", name),)
        code = project.config_code(*self.configs)
        code = code[max(code.find(self.section), 0) :]
        setting = next((path for key in self.keys if (path := path_setting(code, key))), None)
        if setting:
            return application_path(setting), (
                project.config_evidence(f"the build writes to {setting}", *self.configs),
            )
        return self.output_directory, (
            Evidence(reason=f"the build writes to {self.output_directory} by default"),
        )

    def _not_found_page(self, project: NodeProject) -> str | None:
        return NOT_FOUND if self.has_error_page or has_file(project, _PAGES) else None


def application_path(path: str, root: str = ".") -> str:
    """Return *path*, which is relative to *root*, as a path relative to the application."""
    return normpath(join(root, path.lstrip("/")))


def build_flag_value(project: NodeProject, flags: Sequence[str]) -> str | None:
    """Return the value of the first flag in the build script that is one of *flags*, or None."""
    name = build_script(project)
    for words in script_commands(project.manifest, name) if name and flags else ():
        for word, following in zip(words, (*words[1:], ""), strict=True):
            flag, equals, value = word.partition("=")
            if flag in flags and (value or following):
                return value if equals else following
    return None


def has_file(project: NodeProject, patterns: Sequence[str]) -> bool:
    """Return True if one of *patterns* matches a file of the application."""
    return any(
        fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
        for path in project.tree.paths()
        for pattern in patterns
    )


CREATE_REACT_APP = SiteRule(output_directory="build", is_single_page=True)
VUE_CLI = SiteRule(
    output_directory="dist",
    configs=("vue.config",),
    keys=("outputDir",),
    flags=("--dest",),
    is_single_page=True,
)
GATSBY = SiteRule(output_directory="public")
ELEVENTY = SiteRule(
    output_directory="_site",
    configs=("eleventy.config", ".eleventy"),
    keys=("output",),
    section="dir",
    flags=("--output",),
)
DOCUSAURUS = SiteRule(output_directory="build", flags=("--out-dir",), has_error_page=True)
HEXO = SiteRule(output_directory="public")
RSPRESS = SiteRule(
    output_directory="doc_build", configs=("rspress.config",), keys=("outDir",), has_error_page=True
)
EMBER = SiteRule(output_directory="dist", flags=("--output-path", "-o"), is_single_page=True)
PARCEL = SiteRule(
    output_directory="dist",
    flags=("--dist-dir", "-d", "--out-dir"),
    sources=("*.html", "src/*.html", "public/*.html", "app/*.html"),
    is_single_page=True,
)
RSBUILD = SiteRule(
    output_directory="dist",
    configs=("rsbuild.config",),
    keys=("root",),
    section="distPath",
    is_single_page=True,
)
WEBPACK = SiteRule(
    output_directory="dist",
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
    required_packages=("html-webpack-plugin", "copy-webpack-plugin", "html-bundler-webpack-plugin"),
    is_single_page=True,
)
RSPACK = SiteRule(
    output_directory="dist",
    configs=("rspack.config",),
    keys=("path",),
    section="output",
    is_single_page=True,
)
UMI = SiteRule(
    output_directory="dist",
    configs=(".umirc", "config/config"),
    keys=("outputPath",),
    is_single_page=True,
)
SLIDEV = SiteRule(output_directory="dist", flags=("--out", "-o"), is_single_page=True)
PREACT_CLI = SiteRule(output_directory="build", flags=("--dest",), is_single_page=True)
STENCIL = SiteRule(output_directory="www", sources=("src/index.html",), is_single_page=True)
EXPO = SiteRule(
    output_directory="dist",
    flags=("--output-dir",),
    required_packages=("react-native-web",),
    is_single_page=True,
)
QUASAR = SiteRule(output_directory="dist/spa", is_single_page=True)
SNOWPACK = SiteRule(output_directory="build", is_single_page=True)
STORYBOOK = SiteRule(output_directory="storybook-static", flags=("-o", "--output-dir"))
