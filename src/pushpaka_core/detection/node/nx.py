"""Nx repositories. Their applications have a project.json, or a build that Nx infers."""

import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from posixpath import basename, join, normpath

from attrs import evolve, frozen

from pushpaka_core.detection.documents import repository_path, table_at
from pushpaka_core.detection.node.angular import angular_output
from pushpaka_core.detection.node.documents import (
    has_setting,
    path_setting,
    read_config_script,
    read_relaxed_json,
)
from pushpaka_core.detection.node.manifest import FILE, Manifest, read_manifest
from pushpaka_core.detection.node.plans import Outcome, build_plan
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.rule_results import Program, RuleResult, Site
from pushpaka_core.detection.node.workspaces import directories_above
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    Evidence,
    RejectedCandidate,
    StaticSite,
)

NX_FILE = "nx.json"
PROJECT_FILE = "project.json"

_MAX_PROJECTS = 300
_MAX_SHOWN = 6
_NEXT, _VITE, _WEBPACK, _ASTRO = "next.config", "vite.config", "webpack.config", "astro.config"
_INFERRED = (_NEXT, _WEBPACK, _ASTRO)
"""Configuration files other than Vite's from which Nx infers a build target."""
_SERVER_EXECUTORS = ("webpack", "esbuild", "node", "js:", "nest", "rollup")
"""Parts of the names of executors that build Node.js programs."""


@frozen(kw_only=True)
class NxApplication:
    """An Nx application, and the root directory from which it is installed and built."""

    root: NodeProject
    directory: str
    """The directory of the application, relative to the repository."""

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """Return project.json, or the `nx` section of package.json."""
        if self._has_file(PROJECT_FILE):
            return read_relaxed_json(
                self.root.repository, repository_path(self.directory, PROJECT_FILE)
            )
        return table_at(self._manifest.document, "nx")

    @property
    def name(self) -> str:
        """Return the name of the project in Nx."""
        name = self.settings.get("name") or self._manifest.name
        return name if isinstance(name, str) and name else basename(self.directory)

    @property
    def build(self) -> str:
        """Return the build command, which must run in the root directory."""
        command = self.root.manager.run_tool(f"nx run {shlex.quote(self.name)}:build")
        return f"NX_DAEMON=false {command}"

    @property
    def is_application(self) -> bool:
        """Return True if the project is neither a library nor an end-to-end test."""
        kind = self.settings.get("projectType", "application")
        return kind == "application" and not self.name.endswith("-e2e")

    def evidence(self) -> Evidence:
        """Return the file that declares the application, as evidence."""
        return Evidence(reason=f"{self.name} is an Nx application", path=self._file)

    def result(self) -> tuple[str, RuleResult]:
        """Return the framework, and how the build output is served."""
        if code := self._config_code(_NEXT):
            return "nextjs", self._next_result(code)
        if "angular" in self._executor:
            base, browser = angular_output(self._relative_directory, self._build_target)
            return "angular", self._site(join(base, browser), f"the build writes to {base}")
        if any(server in self._executor for server in _SERVER_EXECUTORS):
            return "node", self._program()
        return self._result_from_config()

    @cached_property
    def _manifest(self) -> Manifest:
        return read_manifest(self.root.repository, self.directory)

    @property
    def _file(self) -> str:
        name = PROJECT_FILE if self._has_file(PROJECT_FILE) else FILE
        return repository_path(self.directory, name)

    @property
    def _relative_directory(self) -> str:
        return normpath(self.directory.removeprefix(f"{self.root.directory}/"))

    @property
    def _build_target(self) -> Mapping[str, object]:
        return table_at(self.settings, "targets", "build")

    @property
    def _executor(self) -> str:
        return str(self._build_target.get("executor", ""))

    def _output(self) -> str:
        output_path = table_at(self._build_target, "options").get("outputPath")
        return (
            normpath(output_path)
            if isinstance(output_path, str)
            else f"dist/{self._relative_directory}"
        )

    def _result_from_config(self) -> tuple[str, RuleResult]:
        if (code := self._config_code(_WEBPACK)) and not self._executor:
            return "node", self._webpack_result(code)
        if (code := self._config_code(_ASTRO)) is not None:
            return "astro", self._astro_result(code)
        if (code := self._config_code(_VITE)) is not None and self._has_file("index.html"):
            usual = (
                f"dist/{self._relative_directory}"
                if self._executor
                else join(self._relative_directory, "dist")
            )
            directory = self._output_setting(code, "outDir") or usual
            return "vite", self._site(directory, f"the build writes to {directory}", _VITE)
        return "nx", None

    def _output_setting(self, code: str, key: str) -> str | None:
        """Return the directory that the configuration sets, relative to the root."""
        output_path = path_setting(code, key)
        return normpath(join(self._relative_directory, output_path)) if output_path else None

    def _webpack_result(self, code: str) -> RuleResult:
        output = self._output_setting(code[max(code.find("output"), 0) :], "path")
        directory = output or join(self._relative_directory, "dist")
        reason = f"the build writes to {directory}"
        if not has_setting(code, "target", "node"):
            return self._site(directory, reason, _WEBPACK)
        command = self.root.manager.run_node(f"{directory}/main.js")
        return Program(command=command, evidence=(self._config_evidence(reason, _WEBPACK),))

    def _astro_result(self, code: str) -> RuleResult:
        directory = self._output_setting(code, "outDir") or join(self._relative_directory, "dist")
        reason = f"the build writes to {directory}"
        if not has_setting(code, "output", "server", "hybrid"):
            return self._site(directory, reason, _ASTRO, not_found_page="404.html")
        if "@astrojs/node" not in code:
            return None
        command = self.root.manager.run_node(f"{directory}/server/entry.mjs")
        return Program(command=command, evidence=(self._config_evidence(reason, _ASTRO),))

    def _next_result(self, code: str) -> RuleResult:
        is_copied = "@nx/next" in self._executor or "@nrwl/next" in self._executor
        directory = self._output() if is_copied else self._relative_directory
        if has_setting(code, "output", "export"):
            return self._site(
                f"{directory}/out", "output is export", _NEXT, not_found_page="404.html"
            )
        start = self.root.manager.run_tool(
            f"next start {shlex.quote(directory)} -p $PORT -H ${{HOST:-0.0.0.0}}"
        )
        return Program(
            command=start,
            evidence=(self._config_evidence("there is a Next.js configuration", _NEXT),),
        )

    def _program(self) -> Program:
        output = self._output()
        return Program(
            command=self.root.manager.run_node(f"{output}/main{self._output_suffix}"),
            evidence=(self._config_evidence(f"{self._executor} writes to {output}"),),
        )

    @property
    def _output_suffix(self) -> str:
        """Return the suffix of built files. esbuild uses .cjs for CommonJS."""
        options = table_at(self._build_target, "options")
        suffix = table_at(options, "esbuildOptions", "outExtension").get(".js")
        if suffix in (".js", ".cjs", ".mjs"):
            return str(suffix)
        return ".cjs" if "esbuild" in self._executor and options.get("format") == ["cjs"] else ".js"

    def _site(
        self, directory: str, reason: str, stem: str = "", *, not_found_page: str | None = None
    ) -> Site:
        return Site(
            site=StaticSite(
                directory=normpath(directory),
                fallback=None if not_found_page else "index.html",
                not_found=not_found_page,
            ),
            evidence=(self._config_evidence(reason, stem),),
        )

    def _config_evidence(self, reason: str, stem: str = "") -> Evidence:
        found = (
            read_config_script(self.root.repository, [repository_path(self.directory, stem)])
            if stem
            else None
        )
        path = found[0] if found else self._file
        return Evidence(reason=reason, path=path)

    def _config_code(self, stem: str) -> str | None:
        found = read_config_script(self.root.repository, [repository_path(self.directory, stem)])
        return found[1] if found else None

    def _has_file(self, name: str) -> bool:
        return self.root.repository.exists(repository_path(self.directory, name))


def nx_application(repository: FileTree, directory: str) -> NxApplication | None:
    """
    Return the Nx application in *directory*, or None.

    Return None also if package.json has scripts, because they build the application instead of Nx.
    """
    has_manifest = repository.exists(repository_path(directory, FILE))
    has_project = repository.exists(repository_path(directory, PROJECT_FILE)) and not has_manifest
    if not (has_project or _has_inferred_build(repository, directory)):
        return None
    for place in directories_above(directory)[1:]:
        if all(repository.exists(repository_path(place, name)) for name in (NX_FILE, FILE)):
            root = read_project(repository, place)
            return NxApplication(root=root, directory=directory)
    return None


def plan_nx_application(application: NxApplication) -> BuildPlan | RejectedCandidate:
    """Return the plan of an application, which is installed and built from the root."""
    framework, result = application.result()
    if result is None or isinstance(result, RejectedCandidate):
        reason = f"{application.evidence().path} has no build target that Pushpaka supports"
        return result or RejectedCandidate(framework="nx", reason=reason)
    outcome = Outcome(
        framework=framework,
        program=result if isinstance(result, Program) else None,
        site=result if isinstance(result, Site) else None,
        steps=(application.build,),
        sources=subtree(application.root.repository, application.directory),
        evidence=(application.evidence(), *result.evidence),
    )
    return evolve(build_plan(application.root, outcome), directory=application.root.directory)


def nx_applications(root: NodeProject) -> Sequence[NxApplication]:
    """Return the applications below *root*, if it is the root of an Nx repository."""
    if not root.tree.exists(NX_FILE):
        return ()
    paths = (path for path in root.tree.paths() if path.endswith(f"/{PROJECT_FILE}"))
    places = [path.removesuffix(f"/{PROJECT_FILE}") for path in paths if "node_modules" not in path]
    named = (
        repository_path(root.directory, place)
        for place in places[:_MAX_PROJECTS]
        if not root.tree.exists(f"{place}/{FILE}")
    )
    members = root.workspace.member_directories if root.workspace else ()
    inferred = (place for place in members if _has_inferred_build(root.repository, place))
    found = (NxApplication(root=root, directory=place) for place in (*named, *inferred))
    return [one for one in found if one.is_application]


def unknown_output_rejection(applications: Sequence[NxApplication]) -> RejectedCandidate:
    """Return a rejection which says that the build output of *applications* is unknown."""
    shown = ", ".join(one.directory for one in applications[:_MAX_SHOWN])
    reason = (
        f"{NX_FILE} has the applications {shown}, but the output of their builds is unknown."
        " Set commands.build and commands.start in a pushpaka.toml"
    )
    return RejectedCandidate(framework="nx", reason=reason)


def _has_inferred_build(repository: FileTree, directory: str) -> bool:
    """Return True if a package has no scripts, but a file from which Nx infers a build."""
    if not repository.exists(repository_path(directory, FILE)):
        return False
    if read_manifest(repository, directory).scripts:
        return False
    configs = [repository_path(directory, stem) for stem in _INFERRED]
    has_page = repository.exists(repository_path(directory, "index.html"))
    vite = [repository_path(directory, _VITE)] if has_page else []
    return read_config_script(repository, [*configs, *vite]) is not None
