"""Nx repositories whose applications have a project.json instead of a package.json."""

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
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.plans import Outcome, plan_for
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.workspaces import directories_above
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected, StaticSite

NX_FILE = "nx.json"
PROJECT_FILE = "project.json"

_MOST_PROJECTS = 300
_NEXT, _VITE = "next.config", "vite.config"
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
        """Return its project.json."""
        return read_relaxed_json(self.root.repository, inside(self.directory, PROJECT_FILE))

    @property
    def name(self) -> str:
        """Return how Nx calls it."""
        name = self.settings.get("name")
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
        path = inside(self.directory, PROJECT_FILE)
        return Evidence(reason=f"{self.name} is an application of Nx", path=path)

    def answer(self) -> tuple[str, Answer]:
        """Return what it is made with, and what is served of its build."""
        if code := self._code(_NEXT):
            return "nextjs", self._next(code)
        if "angular" in self._executor:
            base, browser = angular_output(self._inner, self._build_target)
            return "angular", self._site(join(base, browser), f"it is built to {base}")
        if any(server in self._executor for server in _SERVERS):
            return "node", self._program()
        if (code := self._code(_VITE)) is not None and self._has("index.html"):
            told = path_setting(code, "outDir")
            directory = normpath(join(self._inner, told)) if told else f"dist/{self._inner}"
            return "vite", self._site(directory, f"it is built to {directory}", _VITE)
        return "nx", None

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
        path = found[0] if found else inside(self.directory, PROJECT_FILE)
        return Evidence(reason=reason, path=path)

    def _code(self, stem: str) -> str | None:
        found = read_script(self.root.repository, [inside(self.directory, stem)])
        return found[1] if found else None

    def _has(self, name: str) -> bool:
        return self.root.repository.exists(inside(self.directory, name))


def nx_application(repository: FileTree, directory: str) -> NxApplication | None:
    """Return the application in *directory*, which has no package.json of its own."""
    if not repository.exists(inside(directory, PROJECT_FILE)):
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
        reason = f"{application.directory}/{PROJECT_FILE} has no build that is known here"
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
    found = (
        NxApplication(root=root, directory=inside(root.directory, place))
        for place in places[:_MOST_PROJECTS]
        if not root.tree.exists(f"{place}/{FILE}")
    )
    return [one for one in found if one.is_application]
