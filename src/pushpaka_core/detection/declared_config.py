"""The configuration that a project and its repository declare, before anything is detected."""

from collections.abc import Mapping
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.detection.build_overrides import BuildOverrides
from pushpaka_core.detection.detection_failure import no_site_error, unknown_framework_error
from pushpaka_core.detection.procfile import read_procfile
from pushpaka_core.detection.repository_file.file import RepositoryFile, read_repository_file
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.instances.instances import RELEASE_PROCESS_TYPE, WEB_PROCESS_TYPE
from pushpaka_core.domain.pipeline.build_plans import (
    BuildStep,
    Evidence,
    Origin,
    RepositoryDockerfile,
    RepositorySettings,
    StaticSite,
)
from pushpaka_core.domain.pipeline.frameworks import AUTO, canonical_framework


@frozen(kw_only=True)
class DeclaredConfig:
    """
    Declared configuration. Project settings override pushpaka.toml, which
    overrides the Procfile.
    """

    framework: str | None
    """The canonical framework name, or None to detect it."""
    framework_origin: Origin
    install: tuple[BuildStep, ...] | None
    """The install steps. None if they must be detected, and empty if nothing is installed."""
    build: tuple[BuildStep, ...] | None
    processes: Mapping[str, BuildStep]
    site: StaticSite | None
    """The files to serve instead of running a web process."""
    page_settings: Mapping[str, str]
    """Page settings (`fallback`, `not_found`) for a site whose directory is detected."""
    dockerfile: RepositoryDockerfile | None
    """The Dockerfile that pushpaka.toml configures."""
    settings: RepositorySettings
    evidence: tuple[Evidence, ...]

    @classmethod
    def read(cls, tree: FileTree, build_overrides: BuildOverrides) -> Self:
        """
        Read the configuration that is declared for the application in *tree*.

        Raises:
            DetectionError: If pushpaka.toml, the Procfile or the framework name is invalid.
        """
        file, procfile = read_repository_file(tree), read_procfile(tree)
        start = _project_step(build_overrides.start_command)
        site = None if start else _site(file)
        named = dict(procfile.processes) if procfile else {}
        if site:
            named.pop(WEB_PROCESS_TYPE, None)
        framework, origin = _framework(build_overrides, file)
        return cls(
            framework=framework,
            framework_origin=origin,
            install=_project_step(build_overrides.install_command) or file.install,
            build=_project_step(build_overrides.build_command) or file.build,
            processes={
                **named,
                **file.processes,
                **({WEB_PROCESS_TYPE: start[0]} if start else {}),
            },
            site=site,
            page_settings={} if start or site else file.site,
            dockerfile=file.dockerfile,
            settings=file.settings,
            evidence=(*file.evidence(), *(procfile.evidence() if procfile else ())),
        )

    @property
    def has_web(self) -> bool:
        """True if a web process or a site is declared."""
        return WEB_PROCESS_TYPE in self.processes or self.site is not None

    @property
    def has_workers(self) -> bool:
        """True if processes besides `web` and `release` are declared."""
        return bool(self.processes.keys() - {WEB_PROCESS_TYPE, RELEASE_PROCESS_TYPE})

    @property
    def has_only_workers(self) -> bool:
        """True if workers are declared, and neither a web process nor a port for it."""
        return self.has_workers and not self.has_web and self.settings.port is None

    def merge_processes(
        self, detected_processes: Mapping[str, BuildStep]
    ) -> Mapping[str, BuildStep]:
        """
        Return all processes. Declared processes take precedence over *detected_processes*.

        If a site is declared, there is no `web` process. If workers are declared, detected workers
        are left out.
        """
        detected = {
            type_: step
            for type_, step in detected_processes.items()
            if type_ == WEB_PROCESS_TYPE or not self.has_workers
        }
        return {
            type_: step
            for type_, step in {**detected, **self.processes}.items()
            if type_ != WEB_PROCESS_TYPE or self.site is None
        }

    def resolve_site(self, detected_site: StaticSite | None) -> StaticSite | None:
        """
        Return the site to serve, which is *detected_site* unless another one is declared.

        Raises:
            DetectionError: If error pages are declared, but no site is served.
        """
        served = self.site or (None if WEB_PROCESS_TYPE in self.processes else detected_site)
        if not self.page_settings:
            return served
        if served is None:
            raise no_site_error(self.page_settings)
        return evolve(
            served,
            fallback=self.page_settings.get("fallback"),
            not_found=self.page_settings.get("not_found"),
            origin=Origin.FILE,
        )


def _site(file: RepositoryFile) -> StaticSite | None:
    return StaticSite(**file.site, origin=Origin.FILE) if "directory" in file.site else None


def _project_step(command: str | None) -> tuple[BuildStep, ...] | None:
    text = (command or "").strip()
    return (BuildStep(command=text, origin=Origin.PROJECT),) if text else None


def _framework(build_overrides: BuildOverrides, file: RepositoryFile) -> tuple[str | None, Origin]:
    """Return the canonical name of the chosen framework and its origin, or None to detect it."""
    for name, origin in (
        (build_overrides.framework, Origin.PROJECT),
        (file.framework, Origin.FILE),
    ):
        chosen = _canonical_name(name) if name else AUTO
        if chosen != AUTO:
            return chosen, origin
    return None, Origin.DETECTED


def _canonical_name(name: str) -> str:
    try:
        return canonical_framework(name)
    except ValueError as error:
        raise unknown_framework_error(name, str(error)) from None
