"""What was found in a Python project, and the plans that can be made of it."""

import re
from collections.abc import Collection, Iterator

from attrs import evolve, frozen

from pushpaka_core.detection.node.assets import assets_of
from pushpaka_core.detection.python.applications import Application, find_applications, outranked
from pushpaka_core.detection.python.callables import ServedCallable, find_callable
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.django import Django
from pushpaka_core.detection.python.entry_points import EntryPoint, find_entry_point
from pushpaka_core.detection.python.environment import EnvRead, env_reads, required_evidence
from pushpaka_core.detection.python.factories import Factory, find_factories, links_between
from pushpaka_core.detection.python.frameworks import FACTORY_NAMES, WEB_FRAMEWORKS, Interface
from pushpaka_core.detection.python.modules import Module, read_modules
from pushpaka_core.detection.python.programs import PACKAGES
from pushpaka_core.detection.python.project import REQUIREMENTS, read_project
from pushpaka_core.detection.python.scripts import (
    Script,
    find_plain_script,
    find_script,
    seems_to_listen,
)
from pushpaka_core.detection.python.servers import SERVERS
from pushpaka_core.detection.python.serving import (
    Service,
    forgotten,
    run,
    serve,
    serve_target,
)
from pushpaka_core.detection.python.versions import wanted_python
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step

_FLASK_ENV = ".flaskenv"
_FLASK_APP = re.compile(
    r"""(?m)^[ \t]*(?:export[ \t]+)?FLASK_APP[ \t]*=[ \t]*['"]?(?P<name>[\w./]+)"""
)


@frozen(kw_only=True)
class Analysis:
    """The project's dependencies, its modules, and what in them answers requests."""

    question: Question
    project: PythonProject
    modules: tuple[Module, ...]
    unread: tuple[Rejected, ...]
    django: Django | None
    reads: tuple[EnvRead, ...]

    @classmethod
    def of(cls, question: Question, *, without: Collection[str]) -> "Analysis":
        """Look at the application that is in question."""
        modules, unread = read_modules(question.tree, question.directory, without=without)
        return cls(
            question=question,
            project=read_project(question),
            modules=modules,
            unread=unread,
            django=Django.of(question.tree, modules),
            reads=env_reads(modules),
        )

    def framework_by_dependency(self) -> str:
        """Name the framework where somebody else says what to start."""
        listed = (name for name, package in PACKAGES if package in self.project.listed)
        return self.question.framework or next(listed, "python")

    def proposals(self) -> Iterator[BuildPlan | Rejected]:
        """Yield what could be started, the likeliest first."""
        applications = self._applications()
        if applications:
            yield self._of_application(applications)
        elif self.django and self.django.settings and self._wanted in {None, "django"}:
            yield self._of_django(self.django)
        if script := find_script(self.modules, self._wanted, self.project.listed):
            yield self._run(script)
        if self._wanted is None and (found := find_callable(self.modules, self.project.brought)):
            yield self._of_callable(found)
        if self._wanted is None and (entry := find_entry_point(self.question.tree, self.project)):
            yield self._of_entry_point(entry)
        if seems_to_listen(self.modules):
            yield from self.of_plain_script()

    def of_plain_script(self) -> Iterator[BuildPlan | Rejected]:
        """Yield the plan for a script of which nothing but its name says that it is a program."""
        if self._wanted is None and (script := find_plain_script(self.modules)):
            yield self._run(script)

    def plan(
        self,
        framework: str,
        *,
        web: str | None = None,
        evidence: tuple[Evidence, ...] = (),
        rejected: tuple[Rejected, ...] = (),
        served_by: Module | None = None,
    ) -> BuildPlan:
        """Return the plan, with *web* as the command that was found."""
        project = self.project
        version = wanted_python(self.question)
        django = self.django if framework == "django" else None
        collecting = _detected(django.collecting(served_by)) if django else None
        assets = assets_of(self.question)
        return BuildPlan(
            framework=framework,
            language="python",
            language_version=version[0] if version else None,
            package_manager=project.manager,
            directory=self.question.directory,
            install=_detected(project.install),
            build=(*assets.steps, *((collecting,) if collecting else ())),
            processes={"web": Step(command=web, origin=Origin.DETECTED)} if web else {},
            env_names=tuple(dict.fromkeys(read.name for read in self.reads)),
            evidence=(
                *evidence,
                *self._listings(framework),
                *project.evidence,
                *((version[1],) if version else ()),
                *(django.evidence(served_by, project.listed) if django else ()),
                *assets.evidence,
                *required_evidence(self.reads),
            ),
            rejected=(*rejected, *project.rejected, *self.unread),
        )

    def nothing_to_start(self) -> Rejected | None:
        """Say what was looked for in vain, unless there is a script that could be run."""
        if next(self.of_plain_script(), None):
            return None
        if needy := self._factory_with_arguments():
            return Rejected(framework=needy.framework.name, reason=needy.reason())
        names = sorted({framework.title for framework in WEB_FRAMEWORKS})
        unread = "".join(f"; {one.reason}" for one in self.unread[:3])
        reason = (
            f"nothing to start was found: no module makes an application ({', '.join(names)})"
            f" and there is no script with a usual name (main.py, app.py, …){unread}"
        )
        return Rejected(framework=self.question.framework or "python", reason=reason)

    @property
    def _wanted(self) -> str | None:
        """Return the framework that was chosen, where it narrows down what is looked for."""
        return None if self.question.framework == "python" else self.question.framework

    def _factory_with_arguments(self) -> Factory | None:
        importable = [module for module in self.modules if module.is_importable]
        factories = find_factories(importable, links_between(importable)).values()
        return next(
            (one for one in factories if one.required and one.function.name in FACTORY_NAMES), None
        )

    def _applications(self) -> tuple[Application, ...]:
        interfaces = {one.interface for one in SERVERS if one.package in self.project.brought}
        if self.django and self.django.needs_asgi(self.project.listed):
            interfaces = {Interface.ASGI}
        found = (
            application
            for application in find_applications(self.modules, interfaces)
            if self._wanted in {None, application.framework.name}
        )
        told = _FLASK_APP.search(self.question.tree.read(_FLASK_ENV) or "")
        named = told["name"].removesuffix(".py").replace("/", ".") if told else None
        return tuple(sorted(found, key=lambda application: application.module.name != named))

    def _of_application(self, applications: tuple[Application, ...]) -> BuildPlan | Rejected:
        application = applications[0]
        framework = application.framework
        return self._served(
            framework.name,
            framework.package,
            serve(application, self.project, self.modules),
            application.evidence(),
            rejected=(*outranked(applications), *self._outranked_script(application)),
            served_by=application.module,
        )

    def _outranked_script(self, winner: Application) -> tuple[Rejected, ...]:
        """Name the file that would be run if there was no application."""
        script = find_script(self.modules, self._wanted, self.project.listed)
        if script is None or not script.framework.is_script_only:
            return ()
        path, name = script.module.path, script.framework.name
        reason = f"{path} could be run, but `{winner.variable}` in {winner.module.path} comes first"
        return (Rejected(framework=name, reason=f"{reason}: set framework to {name} for it"),)

    def _served(
        self,
        framework: str,
        package: str,
        service: Service,
        evidence: Evidence,
        *,
        rejected: tuple[Rejected, ...] = (),
        served_by: Module | None = None,
    ) -> BuildPlan | Rejected:
        if missing := self._unlisted(framework, package, evidence):
            return missing
        lacking = forgotten(package, self.project)
        plan = self.plan(
            framework,
            web=service.command,
            evidence=(evidence, *service.evidence, *lacking.evidence),
            rejected=rejected,
            served_by=served_by,
        )
        return evolve(plan, added_packages=(*lacking.added, *service.added))

    def _of_django(self, django: Django) -> BuildPlan | Rejected:
        """Serve what Django makes of the settings where no module makes an application."""
        evidence = Evidence(reason="there is a program of Django", path=django.program)
        return self._served("django", "django", django.service(self.project), evidence)

    def _run(self, script: Script) -> BuildPlan | Rejected:
        framework = script.framework
        if missing := self._unlisted(framework.name, framework.package, script.evidence()):
            return missing
        service = run(script, self.project, self.modules)
        lacking = forgotten(framework.package, self.project)
        evidence = (script.evidence(), *service.evidence, *lacking.evidence)
        plan = self.plan(framework.name, web=service.command, evidence=evidence)
        return evolve(plan, added_packages=(*lacking.added, *service.added))

    def _of_callable(self, found: ServedCallable) -> BuildPlan:
        root = found.module.root
        service = serve_target(found.target, found.interface, root, self.project, is_factory=False)
        return self.plan(
            "python", web=service.command, evidence=(found.evidence(), *service.evidence)
        )

    def _of_entry_point(self, entry: EntryPoint) -> BuildPlan:
        return self.plan(
            self.framework_by_dependency(),
            web=entry.name,
            evidence=(entry.evidence(),),
            rejected=entry.rejected(),
        )

    def _listings(self, framework: str) -> tuple[Evidence, ...]:
        packages = dict.fromkeys(package for name, package in PACKAGES if name == framework)
        listed = self.project.listed
        return tuple(listed[package] for package in packages if package in listed)

    def _unlisted(self, name: str, package: str, evidence: Evidence) -> Rejected | None:
        """Refuse to start what would not be installed."""
        if not package or self.project.manager or self.question.has_install:
            return None
        unused = "".join(f" ({one.framework}: {one.reason})" for one in self.project.rejected)
        reason = (
            f"{evidence.path} needs {package}, but nothing says that it must be installed{unused}:"
            f" list it in {REQUIREMENTS} or {PYPROJECT}"
        )
        return Rejected(framework=name, reason=reason)


def _detected(command: str | None) -> Step | None:
    return Step(command=command, origin=Origin.DETECTED) if command else None
