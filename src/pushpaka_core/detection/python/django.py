"""What is particular about Django: its settings, its static files, and which hosts it answers."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.serving import Service, serve_target
from pushpaka_core.detection.python.syntax import assignments, star_sources, top_level
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence

_VARIABLE = "DJANGO_SETTINGS_MODULE"
_STATICFILES = "django.contrib.staticfiles"
_SERVING = ("whitenoise", "dj-static", "django-storages", "servestatic")
"""Packages by which static files get to browsers."""


@frozen(kw_only=True)
class Django:
    """A project that Django's manage.py belongs to."""

    program: str
    """The path of manage.py."""
    settings: str | None
    """The module that manage.py takes where the environment names none."""
    modules: Mapping[str, Module]
    """All modules of the project by name."""

    @classmethod
    def of(cls, tree: FileTree, modules: Sequence[Module]) -> "Django | None":
        """Return the project with the manage.py that lies highest."""
        found = (path for path in tree.paths() if path.rpartition("/")[2] == "manage.py")
        program = min(found, key=lambda path: (path.count("/"), path), default=None)
        own = next((one for one in modules if one.path == program), None)
        if program is None or own is None:
            return None
        by_name = {module.name: module for module in modules}
        return cls(program=program, settings=_settings_in(own), modules=by_name)

    def collecting(self, served_by: Module | None) -> str | None:
        """Return the command that collects static files, as what serves them needs it."""
        settings = self._served_settings(served_by)
        if not self._has_staticfiles(settings) or self._assigned(settings, "STATIC_ROOT") is None:
            return None
        named = f"{_VARIABLE}=${{{_VARIABLE}:-{settings}}} " if settings != self.settings else ""
        return f"{named}python {self.program} collectstatic --noinput"

    def evidence(
        self, served_by: Module | None, listed: Mapping[str, Evidence]
    ) -> Iterator[Evidence]:
        """Say which settings count, and what a person has to know about them."""
        settings = self._served_settings(served_by)
        if settings is None:
            return
        yield Evidence(reason=f"its settings are {settings}", path=self._path_of(settings))
        yield from self._about_static_files(settings, listed)
        yield from self._about_hosts(settings)
        yield from self._about_migrations(settings)

    def needs_asgi(self, listed: Mapping[str, Evidence]) -> bool:
        """Tell whether only an ASGI server will do."""
        named = self._assigned(self.settings, "ASGI_APPLICATION")
        other = self._assigned(self.settings, "WSGI_APPLICATION")
        return "channels" in listed or (named is not None and other is None)

    def service(self, project: PythonProject) -> Service:
        """Return how it is served where none of its modules makes an application."""
        root = self.program.rpartition("/")[0] or "."
        service = serve_target(
            "django.core.wsgi:get_wsgi_application",
            Interface.WSGI,
            root,
            project,
            is_factory=True,
        )
        return evolve(service, command=f"{_VARIABLE}={self.settings} {service.command}")

    def _served_settings(self, served_by: Module | None) -> str | None:
        return (_settings_in(served_by) if served_by else None) or self.settings

    def _about_static_files(
        self, settings: str, listed: Mapping[str, Evidence]
    ) -> Iterator[Evidence]:
        if not self._has_staticfiles(settings):
            return
        root = self._assigned(settings, "STATIC_ROOT")
        if root is None:
            reason = "STATIC_ROOT is not set, so static files are not collected"
            yield Evidence(reason=reason, path=self._path_of(settings))
        else:
            module, line, _ = root
            yield Evidence(
                reason="static files are collected into STATIC_ROOT", path=module.path, line=line
            )
        if listed and not any(package in listed for package in _SERVING):
            yield Evidence(
                reason="nothing in it serves static files in production: WhiteNoise would do it"
            )

    def _about_hosts(self, settings: str) -> Iterator[Evidence]:
        found = self._assigned(settings, "ALLOWED_HOSTS")
        module, line, value = found or (None, 0, None)
        if module is None or not isinstance(value, ast.List | ast.Tuple):
            return
        hosts = [one.value for one in value.elts if isinstance(one, ast.Constant)]
        if len(hosts) == len(value.elts) and "*" not in hosts:
            shown = ", ".join(map(str, hosts)) or "this machine's own names"
            reason = f"it answers {shown} alone: ALLOWED_HOSTS must hold the project's host"
            yield Evidence(reason=reason, path=module.path, line=line)

    def _about_migrations(self, settings: str) -> Iterator[Evidence]:
        found = self._assigned(settings, "DATABASES")
        if found:
            module, line, _ = found
            reason = f"migrations are left to a release command, as python {self.program} migrate"
            yield Evidence(reason=reason, path=module.path, line=line)

    def _has_staticfiles(self, settings: str | None) -> bool:
        return any(module.mentions(_STATICFILES) for module in self._chain(settings))

    def _assigned(
        self, settings: str | None, name: str
    ) -> tuple[Module, int, ast.expr | None] | None:
        """Return where a setting is given, in the settings or in what they import wholly."""
        for module in self._chain(settings):
            for statement in top_level(module.syntax.body):
                for target, value in assignments(statement):
                    if target.id == name:
                        return module, statement.lineno, value
        return None

    def _chain(self, settings: str | None) -> Iterator[Module]:
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
    """Return what the module sets DJANGO_SETTINGS_MODULE to."""
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
