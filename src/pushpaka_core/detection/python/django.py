"""Django projects: settings, static files, allowed hosts and migrations."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.start_commands import StartCommand, serve_target
from pushpaka_core.detection.python.syntax import assignments, import_time_statements, star_sources
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence

_VARIABLE = "DJANGO_SETTINGS_MODULE"
_STATICFILES = "django.contrib.staticfiles"
_STATIC_FILE_PACKAGES = ("whitenoise", "dj-static", "django-storages", "servestatic")
"""Packages that serve static files to browsers."""


@frozen(kw_only=True)
class Django:
    """A Django project with a manage.py."""

    program: str
    """The path of manage.py."""
    settings: str | None
    """The settings module that manage.py uses unless the environment names another."""
    modules: Mapping[str, Module]
    """All modules of the project, by name."""

    @classmethod
    def find(cls, tree: FileTree, modules: Sequence[Module]) -> "Django | None":
        """Return the project of the topmost manage.py in *tree*, or None."""
        found = (path for path in tree.paths() if path.rpartition("/")[2] == "manage.py")
        program = min(found, key=lambda path: (path.count("/"), path), default=None)
        own = next((one for one in modules if one.path == program), None)
        if program is None or own is None:
            return None
        by_name = {module.name: module for module in modules}
        return cls(program=program, settings=_settings_in(own), modules=by_name)

    def collectstatic_command(self, served_module: Module | None) -> str | None:
        """
        Return the command that collects static files, or None if none are collected.

        It uses the settings of *served_module*, the module that the server imports, so that the
        server finds the files.
        """
        settings = self._served_settings(served_module)
        if (
            not self._has_staticfiles(settings)
            or self._find_assignment(settings, "STATIC_ROOT") is None
        ):
            return None
        named = f"{_VARIABLE}=${{{_VARIABLE}:-{settings}}} " if settings != self.settings else ""
        return f"{named}python {self.program} collectstatic --noinput"

    def evidence(
        self, served_module: Module | None, direct_dependencies: Mapping[str, Evidence]
    ) -> Iterator[Evidence]:
        """Return the settings module, and notes on static files, allowed hosts and migrations."""
        settings = self._served_settings(served_module)
        if settings is None:
            return
        yield Evidence(reason=f"the settings module is {settings}", path=self._path_of(settings))
        yield from self._static_file_notes(settings, direct_dependencies)
        yield from self._host_notes(settings)
        yield from self._migration_notes(settings)

    def needs_asgi(self, direct_dependencies: Mapping[str, Evidence]) -> bool:
        """Return True if the project only works on an ASGI server."""
        named = self._find_assignment(self.settings, "ASGI_APPLICATION")
        other = self._find_assignment(self.settings, "WSGI_APPLICATION")
        return "channels" in direct_dependencies or (named is not None and other is None)

    def serve_default(self, project: PythonProject) -> StartCommand:
        """Return how to serve the project if none of its modules creates an application object."""
        root = self.program.rpartition("/")[0] or "."
        service = serve_target(
            "django.core.wsgi:get_wsgi_application",
            Interface.WSGI,
            root,
            project,
            is_factory=True,
        )
        return evolve(service, command=f"{_VARIABLE}={self.settings} {service.command}")

    def _served_settings(self, served_module: Module | None) -> str | None:
        return (_settings_in(served_module) if served_module else None) or self.settings

    def _static_file_notes(
        self, settings: str, direct_dependencies: Mapping[str, Evidence]
    ) -> Iterator[Evidence]:
        if not self._has_staticfiles(settings):
            return
        root = self._find_assignment(settings, "STATIC_ROOT")
        if root is None:
            reason = "STATIC_ROOT is not set, so static files are not collected"
            yield Evidence(reason=reason, path=self._path_of(settings))
        else:
            module, line, _ = root
            yield Evidence(
                reason="static files are collected into STATIC_ROOT", path=module.path, line=line
            )
        if direct_dependencies and not any(
            package in direct_dependencies for package in _STATIC_FILE_PACKAGES
        ):
            yield Evidence(reason="no package serves static files in production. Add WhiteNoise")

    def _host_notes(self, settings: str) -> Iterator[Evidence]:
        found = self._find_assignment(settings, "ALLOWED_HOSTS")
        module, line, value = found or (None, 0, None)
        if module is None or not isinstance(value, ast.List | ast.Tuple):
            return
        hosts = [one.value for one in value.elts if isinstance(one, ast.Constant)]
        if len(hosts) == len(value.elts) and "*" not in hosts:
            shown = ", ".join(map(str, hosts)) or "local names"
            reason = f"ALLOWED_HOSTS allows only {shown}. Add the project's host"
            yield Evidence(reason=reason, path=module.path, line=line)

    def _migration_notes(self, settings: str) -> Iterator[Evidence]:
        found = self._find_assignment(settings, "DATABASES")
        if found:
            module, line, _ = found
            reason = f"migrations need a release command, for example python {self.program} migrate"
            yield Evidence(reason=reason, path=module.path, line=line)

    def _has_staticfiles(self, settings: str | None) -> bool:
        return any(
            module.has_string_constant(_STATICFILES) for module in self._settings_modules(settings)
        )

    def _find_assignment(
        self, settings: str | None, name: str
    ) -> tuple[Module, int, ast.expr | None] | None:
        """
        Return the assignment of a setting, in the settings module or a module that
        it star-imports.
        """
        for module in self._settings_modules(settings):
            for statement in import_time_statements(module.syntax.body):
                for target, value in assignments(statement):
                    if target.id == name:
                        return module, statement.lineno, value
        return None

    def _settings_modules(self, settings: str | None) -> Iterator[Module]:
        seen: set[str] = set()
        waiting = [settings] if settings else []
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.modules:
                continue
            seen.add(name)
            module = self.modules[name]
            yield module
            waiting.extend(star_sources(module.syntax, module.package))

    def _path_of(self, settings: str) -> str | None:
        return self.modules[settings].path if settings in self.modules else None


def _settings_in(module: Module) -> str | None:
    """Return the value that *module* gives DJANGO_SETTINGS_MODULE, or None."""
    for node in module.nodes:
        match node:
            case ast.Call(
                func=function, args=[ast.Constant(value="DJANGO_SETTINGS_MODULE"), value, *_]
            ) if module.resolve(function) in {"os.environ.setdefault", "os.getenv"}:
                return _text_of(value)
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value="DJANGO_SETTINGS_MODULE"))],
                value=value,
            ):
                return _text_of(value)
    return None


def _text_of(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Call(args=[_, ast.Constant(value=str(text)), *_]):
            return text
        case _:
            return None
