"""Analyzes a Python project and proposes build plans."""

import re
from collections.abc import Collection, Iterator

from attrs import evolve, frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.node.front_end_assets import assets_of
from pushpaka_core.detection.python.applications import (
    Application,
    find_applications,
    outranked_applications,
)
from pushpaka_core.detection.python.callables import ServedCallable, find_callable
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.django import Django
from pushpaka_core.detection.python.entry_points import EntryPoint, find_entry_point
from pushpaka_core.detection.python.env_var_scan import EnvRead, find_env_reads, required_evidence
from pushpaka_core.detection.python.factories import Factory, find_factories, name_links
from pushpaka_core.detection.python.frameworks import FACTORY_NAMES, WEB_FRAMEWORKS, Interface
from pushpaka_core.detection.python.modules import Module, read_modules
from pushpaka_core.detection.python.project import REQUIREMENTS, read_project
from pushpaka_core.detection.python.script_frameworks import FRAMEWORK_PACKAGES
from pushpaka_core.detection.python.scripts import (
    Script,
    find_plain_script,
    find_script,
    seems_to_listen,
)
from pushpaka_core.detection.python.servers import SERVERS
from pushpaka_core.detection.python.start_commands import (
    StartCommand,
    missing_package,
    run_script,
    serve,
    serve_target,
)
from pushpaka_core.detection.python.versions import requested_python
from pushpaka_core.detection.python.workers import Worker, find_worker
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

_FLASK_ENV = ".flaskenv"
_FLASK_APP = re.compile(
    r"""(?m)^[ \t]*(?:export[ \t]+)?FLASK_APP[ \t]*=[ \t]*['"]?(?P<name>[\w./]+)"""
)


@frozen(kw_only=True)
class PythonAnalysis:
    """The analysis of one application: dependencies, modules and possible start commands."""

    context: DetectionContext
    project: PythonProject
    modules: tuple[Module, ...]
    unreadable: tuple[RejectedCandidate, ...]
    django: Django | None
    reads: tuple[EnvRead, ...]

    @classmethod
    def analyze(
        cls, context: DetectionContext, *, excluded_directories: Collection[str]
    ) -> "PythonAnalysis":
        """Analyze the application in *context*, without *excluded_directories*."""
        modules, unread = read_modules(
            context.tree, context.directory, excluded_directories=excluded_directories
        )
        return cls(
            context=context,
            project=read_project(context),
            modules=modules,
            unreadable=unread,
            django=Django.find(context.tree, modules),
            reads=find_env_reads(modules),
        )

    def framework_by_dependency(self) -> str:
        """Return the chosen framework, else one that is listed as a dependency, else "python"."""
        listed = (name for name, package in FRAMEWORK_PACKAGES if package in self.project.listed)
        return self.context.framework or next(listed, "python")

    def proposals(self) -> Iterator[BuildPlan | RejectedCandidate]:
        """Yield a plan or a rejection for each way to start the application, best first."""
        applications = self._applications()
        if applications:
            yield self._plan_application(applications)
        elif self.django and self.django.settings and self._chosen_framework in {None, "django"}:
            yield self._plan_django(self.django)
        script = find_script(self.modules, self._chosen_framework, self.project.listed)
        worker = self._worker()
        # Bots import libraries such as aiohttp as clients.
        if script and (script.framework.is_script_only or worker is None):
            yield self._plan_script(script)
        if self._chosen_framework is None and (
            found := find_callable(self.modules, self.project.installed_packages)
        ):
            yield self._plan_callable(found)
        if worker:
            yield self._plan_worker(worker)
        is_guess = self.context.has_only_workers and not seems_to_listen(self.modules)
        if (
            self._chosen_framework is None
            and not is_guess
            and (entry := find_entry_point(self.context.tree, self.project))
        ):
            yield self._plan_entry_point(entry)
        if seems_to_listen(self.modules):
            yield from self.plain_script_plans()

    def plain_script_plans(self) -> Iterator[BuildPlan | RejectedCandidate]:
        """Yield the plan for a script that is found only by its common name, if there is one."""
        if self._chosen_framework is None and (script := find_plain_script(self.modules)):
            yield self._plan_script(script)

    def plan(
        self,
        framework: str,
        *,
        web_command: str | None = None,
        evidence: tuple[Evidence, ...] = (),
        rejected_candidates: tuple[RejectedCandidate, ...] = (),
        served_module: Module | None = None,
    ) -> BuildPlan:
        """
        Return the build plan.

        Args:
            framework: The name of the framework.
            web_command: The detected start command, or None if the user gives one.
            evidence: The reasons for the start command.
            rejected_candidates: Candidates that were not chosen.
            served_module: The module that is served, which may select the Django settings.
        """
        project = self.project
        version = requested_python(self.context)
        django = self.django if framework == "django" else None
        collecting = django.collectstatic_command(served_module) if django else None
        assets = assets_of(self.context)
        return BuildPlan(
            framework=framework,
            language="python",
            language_version=version[0] if version else None,
            package_manager=project.manager,
            directory=self.context.directory,
            install=detected_step(project.install) if project.install else None,
            build=(*assets.steps, *detected_steps(collecting or "")),
            processes={"web": detected_step(web_command)} if web_command else {},
            env_names=tuple(dict.fromkeys(read.name for read in self.reads)),
            evidence=(
                *evidence,
                *self._framework_evidence(framework),
                *project.evidence,
                *((version[1],) if version else ()),
                *(django.evidence(served_module, project.listed) if django else ()),
                *assets.evidence,
                *required_evidence(self.reads),
            ),
            rejected=(*rejected_candidates, *project.rejected, *self.unreadable),
        )

    def not_startable_rejection(self) -> RejectedCandidate | None:
        """Return why nothing can be started, or None if there is a script with a common name."""
        if next(self.plain_script_plans(), None):
            return None
        if needy := self._factory_with_arguments():
            return RejectedCandidate(framework=needy.framework.name, reason=needy.reason())
        names = sorted({framework.title for framework in WEB_FRAMEWORKS})
        unread = "".join(f"; {one.reason}" for one in self.unreadable[:3])
        reason = (
            f"nothing to start was found: no module creates an application ({', '.join(names)})"
            f" and there is no script with a common name (main.py, app.py, …){unread}"
        )
        return RejectedCandidate(framework=self.context.framework or "python", reason=reason)

    @property
    def _chosen_framework(self) -> str | None:
        """Return the chosen framework, or None for "python", which does not narrow the search."""
        return None if self.context.framework == "python" else self.context.framework

    def _factory_with_arguments(self) -> Factory | None:
        importable = [module for module in self.modules if module.is_importable]
        factories = find_factories(importable, name_links(importable)).values()
        return next(
            (one for one in factories if one.required and one.function.name in FACTORY_NAMES), None
        )

    def _applications(self) -> tuple[Application, ...]:
        interfaces = {
            one.interface for one in SERVERS if one.package in self.project.installed_packages
        }
        if self.django and self.django.needs_asgi(self.project.listed):
            interfaces = {Interface.ASGI}
        found = (
            application
            for application in find_applications(self.modules, interfaces)
            if self._chosen_framework in {None, application.framework.name}
        )
        match = _FLASK_APP.search(self.context.tree.read(_FLASK_ENV) or "")
        named = match["name"].removesuffix(".py").replace("/", ".") if match else None
        return tuple(sorted(found, key=lambda application: application.module.name != named))

    def _plan_application(
        self, applications: tuple[Application, ...]
    ) -> BuildPlan | RejectedCandidate:
        application = applications[0]
        framework = application.framework
        return self._plan_served(
            framework.name,
            framework.package,
            serve(application, self.project, self.modules),
            application.evidence(),
            rejected_candidates=(
                *outranked_applications(applications),
                *self._outranked_script(application),
            ),
            served_module=application.module,
        )

    def _outranked_script(self, winner: Application) -> tuple[RejectedCandidate, ...]:
        """Return the script that would run if *winner* did not exist, as a rejected candidate."""
        script = find_script(self.modules, self._chosen_framework, self.project.listed)
        if script is None or not script.framework.is_script_only:
            return ()
        path, name = script.module.path, script.framework.name
        reason = f"{path} could be run, but `{winner.variable}` in {winner.module.path} is used"
        return (
            RejectedCandidate(
                framework=name, reason=f"{reason}. Set framework to {name} to run it"
            ),
        )

    def _plan_served(
        self,
        framework: str,
        package: str,
        start_command: StartCommand,
        evidence: Evidence,
        *,
        rejected_candidates: tuple[RejectedCandidate, ...] = (),
        served_module: Module | None = None,
    ) -> BuildPlan | RejectedCandidate:
        if missing := self._unlisted_rejection(framework, package, evidence):
            return missing
        package_to_add = missing_package(package, self.project)
        plan = self.plan(
            framework,
            web_command=start_command.command,
            evidence=(evidence, *start_command.evidence, *package_to_add.evidence),
            rejected_candidates=rejected_candidates,
            served_module=served_module,
        )
        return evolve(
            plan, added_packages=(*package_to_add.added_packages, *start_command.added_packages)
        )

    def _plan_django(self, django: Django) -> BuildPlan | RejectedCandidate:
        """
        Return a plan for Django's default WSGI application, for projects in which no module creates
        one.
        """
        evidence = Evidence(reason="there is a Django project", path=django.program)
        return self._plan_served("django", "django", django.serve_default(self.project), evidence)

    def _plan_script(self, script: Script) -> BuildPlan | RejectedCandidate:
        framework = script.framework
        if missing := self._unlisted_rejection(
            framework.name, framework.package, script.evidence()
        ):
            return missing
        service = run_script(script, self.project, self.modules)
        package_to_add = missing_package(framework.package, self.project)
        evidence = (script.evidence(), *service.evidence, *package_to_add.evidence)
        plan = self.plan(framework.name, web_command=service.command, evidence=evidence)
        return evolve(
            plan, added_packages=(*package_to_add.added_packages, *service.added_packages)
        )

    def _plan_callable(self, served_callable: ServedCallable) -> BuildPlan:
        root = served_callable.module.root
        service = serve_target(
            served_callable.target, served_callable.interface, root, self.project, is_factory=False
        )
        return self.plan(
            "python",
            web_command=service.command,
            evidence=(served_callable.evidence(), *service.evidence),
        )

    def _worker(self) -> Worker | None:
        if self._chosen_framework or seems_to_listen(self.modules):
            return None
        return find_worker(self.modules, self.context.tree, self.project)

    def _plan_worker(self, worker: Worker) -> BuildPlan:
        plan = self.plan("python", evidence=worker.evidence)
        return evolve(plan, processes={"worker": detected_step(worker.command)})

    def _plan_entry_point(self, entry_point: EntryPoint) -> BuildPlan:
        return self.plan(
            self.framework_by_dependency(),
            web_command=entry_point.name,
            evidence=(entry_point.evidence(),),
            rejected_candidates=entry_point.rejected_candidates(),
        )

    def _framework_evidence(self, framework: str) -> tuple[Evidence, ...]:
        packages = dict.fromkeys(
            package for name, package in FRAMEWORK_PACKAGES if name == framework
        )
        listed = self.project.listed
        return tuple(listed[package] for package in packages if package in listed)

    def _unlisted_rejection(
        self, name: str, package: str, evidence: Evidence
    ) -> RejectedCandidate | None:
        """
        Return a rejection if no file lists *package*, which the start command
        needs, else None.
        """
        if not package or self.project.manager or self.context.has_install_command:
            return None
        unused = "".join(f" ({one.framework}: {one.reason})" for one in self.project.rejected)
        reason = (
            f"{evidence.path} needs {package}, but no file lists it as a dependency{unused}."
            f" Add it to {REQUIREMENTS} or {PYPROJECT}"
        )
        return RejectedCandidate(framework=name, reason=reason)
