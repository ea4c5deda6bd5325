"""Nx repositories, whose applications have a project.json, or nothing but what builds them."""

import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from posixpath import basename, join, normpath

from attrs import evolve, frozen

from pushpaka_core.detection.documents import inside, table
from pushpaka_core.detection.node.angular import angular_output
from pushpaka_core.detection.node.answers import Answer, Program, Site
from pushpaka_core.detection.node.documents import (
    path_setting,
    read_relaxed_json,
    read_script,
    setting,
)
from pushpaka_core.detection.node.manifest import FILE, Manifest, read_manifest
from pushpaka_core.detection.node.plans import Outcome, plan_for
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.workspaces import directories_above
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected, StaticSite

NX_FILE = "nx.json"
PROJECT_FILE = "project.json"

_MOST_PROJECTS = 300
_SHOWN = 6
_NEXT, _VITE, _WEBPACK, _ASTRO = "next.config", "vite.config", "webpack.config", "astro.config"
_INFERRED = (_NEXT, _WEBPACK, _ASTRO)
"""Configurations of which Nx makes a target build by itself, beside that of Vite."""
_SERVERS = ("webpack", "esbuild", "node", "js:", "nest", "rollup")
"""Parts of the names of executors that build programs for Node.js."""


@frozen(kw_only=True)
class NxApplication:
    """One application, and the root where everything is installed and built."""

    root: NodeProject
    directory: str
    """As seen from the repository."""

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """Return its project.json, or what its package.json says in its place."""
        if self._has(PROJECT_FILE):
            return read_relaxed_json(self.root.repository, inside(self.directory, PROJECT_FILE))
        return table(self._manifest.document, "nx")

    @property
    def name(self) -> str:
        """Return how Nx calls it."""
        name = self.settings.get("name") or self._manifest.name
        return name if isinstance(name, str) and name else basename(self.directory)

    @property
    def build(self) -> str:
        """Return the command that builds it, from the root."""
        command = self.root.manager.tool(f"nx run {shlex.quote(self.name)}:build")
        return f"NX_DAEMON=false {command}"

    @property
    def is_application(self) -> bool:
        """Tell whether it is not a library, nor the tests of another one."""
        kind = self.settings.get("projectType", "application")
        return kind == "application" and not self.name.endswith("-e2e")

    def evidence(self) -> Evidence:
        """Say what it is."""
        return Evidence(reason=f"{self.name} is an application of Nx", path=self._file)

    def answer(self) -> tuple[str, Answer]:
        """Return what it is made with, and what is served of its build."""
        if code := self._code(_NEXT):
            return "nextjs", self._next(code)
        if "angular" in self._executor:
            base, browser = angular_output(self._inner, self._build_target)
            return "angular", self._site(join(base, browser), f"it is built to {base}")
        if any(server in self._executor for server in _SERVERS):
            return "node", self._program()
        return self._of_configuration()

    @cached_property
    def _manifest(self) -> Manifest:
        return read_manifest(self.root.repository, self.directory)

    @property
    def _file(self) -> str:
        name = PROJECT_FILE if self._has(PROJECT_FILE) else FILE
        return inside(self.directory, name)

    @property
    def _inner(self) -> str:
        return normpath(self.directory.removeprefix(f"{self.root.directory}/"))

    @property
    def _build_target(self) -> Mapping[str, object]:
        return table(self.settings, "targets", "build")

    @property
    def _executor(self) -> str:
        return str(self._build_target.get("executor", ""))

    def _output(self) -> str:
        told = table(self._build_target, "options").get("outputPath")
        return normpath(told) if isinstance(told, str) else f"dist/{self._inner}"

    def _of_configuration(self) -> tuple[str, Answer]:
        if (code := self._code(_WEBPACK)) and not self._executor:
            return "node", self._of_webpack(code)
        if (code := self._code(_ASTRO)) is not None:
            return "astro", self._of_astro(code)
        if (code := self._code(_VITE)) is not None and self._has("index.html"):
            usual = f"dist/{self._inner}" if self._executor else join(self._inner, "dist")
            directory = self._placed(code, "outDir") or usual
            return "vite", self._site(directory, f"it is built to {directory}", _VITE)
        return "nx", None

    def _placed(self, code: str, key: str) -> str | None:
        """Return the directory that its configuration names, as seen from the root."""
        told = path_setting(code, key)
        return normpath(join(self._inner, told)) if told else None

    def _of_webpack(self, code: str) -> Answer:
        output = self._placed(code[max(code.find("output"), 0) :], "path")
        directory = output or join(self._inner, "dist")
        reason = f"it is built to {directory}"
        if not setting(code, "target", "node"):
            return self._site(directory, reason, _WEBPACK)
        command = self.root.manager.node(f"{directory}/main.js")
        return Program(command=command, evidence=(self._said(reason, _WEBPACK),))

    def _of_astro(self, code: str) -> Answer:
        directory = self._placed(code, "outDir") or join(self._inner, "dist")
        reason = f"it is built to {directory}"
        if not setting(code, "output", "server", "hybrid"):
            return self._site(directory, reason, _ASTRO, not_found="404.html")
        if "@astrojs/node" not in code:
            return None
        command = self.root.manager.node(f"{directory}/server/entry.mjs")
        return Program(command=command, evidence=(self._said(reason, _ASTRO),))

    def _next(self, code: str) -> Answer:
        is_copied = "@nx/next" in self._executor or "@nrwl/next" in self._executor
        directory = self._output() if is_copied else self._inner
        if setting(code, "output", "export"):
            return self._site(f"{directory}/out", "output is export", _NEXT, not_found="404.html")
        start = self.root.manager.tool(
            f"next start {shlex.quote(directory)} -p $PORT -H ${{HOST:-0.0.0.0}}"
        )
        return Program(command=start, evidence=(self._said("it is made with Next.js", _NEXT),))

    def _program(self) -> Program:
        output = self._output()
        return Program(
            command=self.root.manager.node(f"{output}/main{self._ending}"),
            evidence=(self._said(f"it is built to {output} by {self._executor}"),),
        )

    @property
    def _ending(self) -> str:
        """Return how the names of built files end: esbuild calls CommonJS by its own name."""
        options = table(self._build_target, "options")
        told = table(options, "esbuildOptions", "outExtension").get(".js")
        if told in (".js", ".cjs", ".mjs"):
            return str(told)
        return ".cjs" if "esbuild" in self._executor and options.get("format") == ["cjs"] else ".js"

    def _site(
        self, directory: str, reason: str, stem: str = "", *, not_found: str | None = None
    ) -> Site:
        return Site(
            site=StaticSite(
                directory=normpath(directory),
                fallback=None if not_found else "index.html",
                not_found=not_found,
            ),
            evidence=(self._said(reason, stem),),
        )

    def _said(self, reason: str, stem: str = "") -> Evidence:
        found = read_script(self.root.repository, [inside(self.directory, stem)]) if stem else None
        path = found[0] if found else self._file
        return Evidence(reason=reason, path=path)

    def _code(self, stem: str) -> str | None:
        found = read_script(self.root.repository, [inside(self.directory, stem)])
        return found[1] if found else None

    def _has(self, name: str) -> bool:
        return self.root.repository.exists(inside(self.directory, name))


def nx_application(repository: FileTree, directory: str) -> NxApplication | None:
    """Return the application in *directory*, whose package.json does not say how it is built."""
    has_manifest = repository.exists(inside(directory, FILE))
    has_project = repository.exists(inside(directory, PROJECT_FILE)) and not has_manifest
    if not (has_project or _is_inferred(repository, directory)):
        return None
    for place in directories_above(directory)[1:]:
        if all(repository.exists(inside(place, name)) for name in (NX_FILE, FILE)):
            root = read_project(repository, place)
            return NxApplication(root=root, directory=directory)
    return None


def plan_of_nx(application: NxApplication) -> BuildPlan | Rejected:
    """Return the plan for one application, which is installed and built from the root."""
    framework, answer = application.answer()
    if answer is None or isinstance(answer, Rejected):
        reason = f"{application.evidence().path} has no build that is known here"
        return answer or Rejected(framework="nx", reason=reason)
    outcome = Outcome(
        framework=framework,
        program=answer if isinstance(answer, Program) else None,
        site=answer if isinstance(answer, Site) else None,
        steps=(application.build,),
        sources=below(application.root.repository, application.directory),
        evidence=(application.evidence(), *answer.evidence),
    )
    return evolve(plan_for(application.root, outcome), directory=application.root.directory)


def nx_applications(root: NodeProject) -> Sequence[NxApplication]:
    """Return the applications below *root*, where that is the root of such a repository."""
    if not root.tree.exists(NX_FILE):
        return ()
    paths = (path for path in root.tree.paths() if path.endswith(f"/{PROJECT_FILE}"))
    places = [path.removesuffix(f"/{PROJECT_FILE}") for path in paths if "node_modules" not in path]
    named = (
        inside(root.directory, place)
        for place in places[:_MOST_PROJECTS]
        if not root.tree.exists(f"{place}/{FILE}")
    )
    members = root.workspace.member_directories if root.workspace else ()
    inferred = (place for place in members if _is_inferred(root.repository, place))
    found = (NxApplication(root=root, directory=place) for place in (*named, *inferred))
    return [one for one in found if one.is_application]


def nothing_of_nx(applications: Sequence[NxApplication]) -> Rejected:
    """Say that *applications* are there, and that no build of theirs is known."""
    shown = ", ".join(one.directory for one in applications[:_SHOWN])
    reason = (
        f"{NX_FILE} has the applications {shown}, and what their builds leave is not known here:"
        " name build and start of the one that is meant in a pushpaka.toml"
    )
    return Rejected(framework="nx", reason=reason)


def _is_inferred(repository: FileTree, directory: str) -> bool:
    """Tell whether a package has no script, but a configuration of which Nx makes a build."""
    if not repository.exists(inside(directory, FILE)):
        return False
    if read_manifest(repository, directory).scripts:
        return False
    configs = [inside(directory, stem) for stem in _INFERRED]
    has_page = repository.exists(inside(directory, "index.html"))
    vite = [inside(directory, _VITE)] if has_page else []
    return read_script(repository, [*configs, *vite]) is not None
