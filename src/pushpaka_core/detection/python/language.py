"""The plan for a Python project."""

from attrs import evolve, frozen

from pushpaka_core.detection.python.applications import (
    Application,
    find_applications,
    outranked,
)
from pushpaka_core.detection.python.environment import env_names
from pushpaka_core.detection.python.frameworks import (
    FILE_NAMES,
    PACKAGES,
    SERVERS,
    WEB_FRAMEWORKS,
    Server,
)
from pushpaka_core.detection.python.modules import Module, read_modules
from pushpaka_core.detection.python.project import (
    FOREIGN_FILES,
    PYPROJECT,
    REQUIREMENTS,
    SETUP_FILES,
    UV_LOCK,
    PythonProject,
    read_project,
)
from pushpaka_core.detection.python.scripts import Script, find_script
from pushpaka_core.detection.python.versions import wanted_python
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step

TRIGGERS = (
    REQUIREMENTS,
    UV_LOCK,
    PYPROJECT,
    *FOREIGN_FILES,
    *SETUP_FILES,
    "manage.py",
    *(f"{name}.py" for name in FILE_NAMES if name != "__init__"),
)


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out how to install a Python project and what to start in it."""
    if question.framework is None and not any(map(question.tree.exists, TRIGGERS)):
        return None
    analysis = _Analysis.of(question)
    if question.has_web:
        return analysis.plan(analysis.framework_by_dependency())
    if analysis.applications:
        return analysis.served(analysis.applications[0])
    if analysis.script:
        return analysis.run(analysis.script)
    return Rejected(framework=question.framework or "python", reason=analysis.nothing_to_start())


@frozen(kw_only=True)
class _Analysis:
    """What was found in the tree."""

    question: Question
    project: PythonProject
    modules: tuple[Module, ...]
    unread: tuple[Rejected, ...]
    applications: tuple[Application, ...]
    script: Script | None

    @classmethod
    def of(cls, question: Question) -> "_Analysis":
        project = read_project(question)
        modules, unread = read_modules(question.tree)
        interfaces = {server.interface for server in SERVERS if server.package in project.brought}
        wanted = None if question.framework == "python" else question.framework
        return cls(
            question=question,
            project=project,
            modules=modules,
            unread=unread,
            applications=tuple(
                application
                for application in find_applications(modules, interfaces)
                if wanted in {None, application.framework.name}
            ),
            script=find_script(modules, wanted, project.listed),
        )

    def framework_by_dependency(self) -> str:
        """Name the framework where somebody else says what to start."""
        listed = (name for name, package in PACKAGES if package in self.project.listed)
        return self.question.framework or next(listed, "python")

    def served(self, application: Application) -> BuildPlan | Rejected:
        """Plan a server that imports *application*."""
        framework = application.framework
        if missing := self._unlisted(framework.name, framework.package, application.evidence()):
            return missing
        server = _server_for(application, self.project)
        is_added = server.package not in self.project.brought
        template = server.factory_command if application.is_factory else server.command
        root = application.module.root
        prefix = "" if root == "." else f"PYTHONPATH={root} "
        reason = (
            f"{server.package} is added: the project brings no {server.interface} server"
            if is_added
            else f"the project brings {server.package}"
        )
        plan = self.plan(
            framework.name,
            web=prefix + template.format(target=application.target),
            evidence=(application.evidence(), Evidence(reason=reason)),
            rejected=outranked(self.applications),
        )
        return evolve(plan, added_packages=(server.package,) if is_added else ())

    def run(self, script: Script) -> BuildPlan | Rejected:
        """Plan to run *script*."""
        framework = script.framework
        if missing := self._unlisted(framework.name, framework.package, script.evidence()):
            return missing
        return self.plan(framework.name, web=script.command, evidence=(script.evidence(),))

    def plan(
        self,
        framework: str,
        *,
        web: str | None = None,
        evidence: tuple[Evidence, ...] = (),
        rejected: tuple[Rejected, ...] = (),
    ) -> BuildPlan:
        """Return the plan, with *web* as the command that was found."""
        project = self.project
        version = wanted_python(self.question.tree)
        return BuildPlan(
            framework=framework,
            language="python",
            language_version=version[0] if version else None,
            package_manager=project.manager,
            install=_detected(project.install),
            processes={"web": Step(command=web, origin=Origin.DETECTED)} if web else {},
            env_names=env_names(self.modules),
            evidence=(
                *evidence,
                *self._listings(framework),
                *project.evidence,
                *((version[1],) if version else ()),
            ),
            rejected=(*rejected, *project.rejected, *self.unread),
        )

    def nothing_to_start(self) -> str:
        """Say what was looked for in vain."""
        names = sorted({framework.title for framework in WEB_FRAMEWORKS})
        unread = "".join(f"; {one.reason}" for one in self.unread[:3])
        return (
            f"nothing to start was found: no module makes an application ({', '.join(names)})"
            f" and there is no script with a usual name (main.py, app.py, …){unread}"
        )

    def _listings(self, framework: str) -> tuple[Evidence, ...]:
        packages = dict.fromkeys(package for name, package in PACKAGES if name == framework)
        listed = self.project.listed
        return tuple(listed[package] for package in packages if package in listed)

    def _unlisted(self, name: str, package: str, evidence: Evidence) -> Rejected | None:
        """Refuse to start what would not be installed."""
        if not package or self.project.manager or self.question.has_install:
            return None
        reason = (
            f"{evidence.path} needs {package}, but nothing says that it must be installed:"
            f" list it in {REQUIREMENTS} or {PYPROJECT}"
        )
        return Rejected(framework=name, reason=reason)


def _server_for(application: Application, project: PythonProject) -> Server:
    """Return the first fitting server that the project brings, else the first fitting one."""
    fitting = [
        server
        for server in SERVERS
        if server.interface is application.framework.interface
        and (server.factory_command or not application.is_factory)
    ]
    return next((server for server in fitting if server.package in project.brought), fitting[0])


def _detected(command: str | None) -> Step | None:
    return Step(command=command, origin=Origin.DETECTED) if command else None
