"""What is said of an application before anything is looked for; who is nearer to its owner wins."""

from collections.abc import Mapping
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.detection.procfile import read_procfile
from pushpaka_core.detection.refusal import nothing_to_serve, unknown_framework
from pushpaka_core.detection.repository_file.file import RepositoryFile, read_repository_file
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Wishes
from pushpaka_core.domain.build_plans import (
    Evidence,
    Origin,
    OwnDockerfile,
    RepositorySettings,
    StaticSite,
    Step,
)
from pushpaka_core.domain.frameworks import AUTO, canonical_framework
from pushpaka_core.domain.instances import WEB


@frozen(kw_only=True)
class Words:
    """The project's settings over the repository's pushpaka.toml over its Procfile."""

    framework: str | None
    """By its canonical name; None leaves it to be found."""
    framework_origin: Origin
    install: tuple[Step, ...] | None
    """None leaves it to be found, and nothing says that there is nothing to do."""
    build: tuple[Step, ...] | None
    processes: Mapping[str, Step]
    site: StaticSite | None
    """The files to serve instead of a web process."""
    error_pages: Mapping[str, str]
    """What was said of the site that is found, without its directory."""
    dockerfile: OwnDockerfile | None
    """The recipe of an image that is named."""
    settings: RepositorySettings
    evidence: tuple[Evidence, ...]

    @classmethod
    def about(cls, tree: FileTree, wishes: Wishes) -> Self:
        """
        Return what is said of the application in *tree*.

        Raises:
            DetectionError: If it is not understood.
        """
        file, procfile = read_repository_file(tree), read_procfile(tree)
        start = _wished(wishes.start_command)
        site = None if start else _site(file)
        named = dict(procfile.processes) if procfile else {}
        if site:
            named.pop(WEB, None)
        framework, origin = _framework(wishes, file)
        return cls(
            framework=framework,
            framework_origin=origin,
            install=_wished(wishes.install_command) or file.install,
            build=_wished(wishes.build_command) or file.build,
            processes={**named, **file.processes, **({WEB: start[0]} if start else {})},
            site=site,
            error_pages={} if start or site else file.site,
            dockerfile=file.dockerfile,
            settings=file.settings,
            evidence=(*file.evidence(), *(procfile.evidence() if procfile else ())),
        )

    @property
    def has_web(self) -> bool:
        """Tell whether it is said what answers requests."""
        return WEB in self.processes or self.site is not None

    def processes_over(self, found: Mapping[str, Step]) -> Mapping[str, Step]:
        """Return all processes, those that were *found* among them."""
        return {
            type_: step
            for type_, step in {**found, **self.processes}.items()
            if type_ != WEB or self.site is None
        }

    def site_over(self, found: StaticSite | None) -> StaticSite | None:
        """
        Return the site to serve where *found* is what detection would.

        Raises:
            DetectionError: If there is none, but something was said of it.
        """
        served = self.site or (None if WEB in self.processes else found)
        if not self.error_pages:
            return served
        if served is None:
            raise nothing_to_serve(self.error_pages)
        return evolve(
            served,
            fallback=self.error_pages.get("fallback"),
            not_found=self.error_pages.get("not_found"),
            origin=Origin.FILE,
        )


def _site(file: RepositoryFile) -> StaticSite | None:
    return StaticSite(**file.site, origin=Origin.FILE) if "directory" in file.site else None


def _wished(command: str | None) -> tuple[Step, ...] | None:
    text = (command or "").strip()
    return (Step(command=text, origin=Origin.PROJECT),) if text else None


def _framework(wishes: Wishes, file: RepositoryFile) -> tuple[str | None, Origin]:
    """Return the canonical name of the chosen framework, and who chose it."""
    for name, origin in ((wishes.framework, Origin.PROJECT), (file.framework, Origin.FILE)):
        chosen = _canonical(name) if name else AUTO
        if chosen != AUTO:
            return chosen, origin
    return None, Origin.DETECTED


def _canonical(name: str) -> str:
    try:
        return canonical_framework(name)
    except ValueError as error:
        raise unknown_framework(name, str(error)) from None
