"""Which package manager a project asks for, and in which version."""

import re
from collections.abc import Callable, Iterator, Mapping

from attrs import field, frozen

from pushpaka_core.detection.documents import inside, line_of, read_yaml
from pushpaka_core.detection.node.managers import (
    BERRY,
    BUN,
    BY_LOCK,
    NPM,
    PNPM,
    YARN,
    ChosenManager,
    Manager,
)
from pushpaka_core.detection.node.manifest import Manifest
from pushpaka_core.detection.node.versions import allows_major, as_range
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence, Rejected

WORKSPACE_FILE = "pnpm-workspace.yaml"
YARN_SETTINGS = ".yarnrc.yml"

_FIELD = re.compile(r"(?P<name>[a-z]+)(?:@(?P<version>\S+))?")
_YARN_RELEASE = re.compile(r"yarn-(?P<version>\d+\.\d+\.\d+[\w.-]{0,30}?)\.c?js")
_PNPM_LOCK_VERSION = re.compile(r"^lockfileVersion: *['\"]?(?P<version>\d+\.\d+)", re.MULTILINE)
_PNPM_BY_LOCK = {"5.3": "6", "5.4": "7", "6.0": "8", "6.1": "8", "9.0": "9"}
_SINCE_PNPM_9 = frozenset({"packages", "catalog", "catalogs"})
_BERRY_LOCK_VERSION = re.compile(r"^__metadata:\n *version: *(?P<version>\d+)", re.MULTILINE)
_EXACT = re.compile(r"\d+(?:\.\d+){0,2}(?:-[\w.-]+)?(?:\+\S+)?")
_SPEAKS_BUN = re.compile(r"(?:^|[\s;&|])bunx?\s")
_BY_NAME = {manager.name: manager for manager in BY_LOCK}


@frozen(kw_only=True)
class _Place:
    """The directory in which packages are installed: that of a project, or of its workspace."""

    repository: FileTree
    directory: str
    manifest: Manifest
    member: Manifest
    locks: Mapping[str, str] = field(factory=dict)
    """Paths of the lock files that are there, by their names."""

    def read(self, name: str) -> str:
        return self.repository.read(inside(self.directory, name)) or ""


def choose_manager(
    repository: FileTree, directory: str, manifest: Manifest, member: Manifest
) -> ChosenManager:
    """
    Return what installs the packages of *manifest*, which lies in *directory*.

    *member* is the manifest of the application, the same one outside of a workspace.
    """
    names = [lock for manager in BY_LOCK for lock in manager.locks]
    paths = {name: inside(directory, name) for name in names}
    place = _Place(
        repository=repository,
        directory=directory,
        manifest=manifest,
        member=member,
        locks={name: path for name, path in paths.items() if repository.exists(path)},
    )
    return next(chosen for rule in _RULES if (chosen := rule(place)))


def _by_field(place: _Place) -> ChosenManager | None:
    for manifest in (place.manifest, place.member):
        text = manifest.text("packageManager") or ""
        match = _FIELD.fullmatch(text)
        if match and match["name"] in _BY_NAME:
            reason = f"packageManager asks for {text.partition('+')[0]}"
            evidence = manifest.evidence(reason, "packageManager")
            version = _exact(match["version"])
            return _chosen(place, _BY_NAME[match["name"]], evidence, version)
    return None


def _by_dev_engines(place: _Place) -> ChosenManager | None:
    for manifest in (place.manifest, place.member):
        name = manifest.text("devEngines", "packageManager", "name")
        if name in _BY_NAME:
            version = manifest.text("devEngines", "packageManager", "version")
            reason = f"devEngines asks for {' '.join(filter(None, (name, version)))}"
            evidence = manifest.evidence(reason, "devEngines", "packageManager")
            wanted = as_range(version) if version else None
            return _chosen(place, _BY_NAME[name], evidence, wanted)
    return None


def _by_lock(place: _Place) -> ChosenManager | None:
    for manager in BY_LOCK:
        lock = next((place.locks[name] for name in manager.locks if name in place.locks), None)
        if lock:
            evidence = Evidence(reason=f"there is a lock file of {manager.name}", path=lock)
            return _chosen(place, manager, evidence)
    return None


def _by_engines(place: _Place) -> ChosenManager | None:
    for name in ("pnpm", "yarn", "bun"):
        if wanted := place.manifest.text("engines", name):
            evidence = place.manifest.evidence(f"engines asks for {name} {wanted}", "engines", name)
            return _chosen(place, _BY_NAME[name], evidence)
    return None


def _by_volta(place: _Place) -> ChosenManager | None:
    for name in ("pnpm", "yarn"):
        if wanted := place.manifest.text("volta", name):
            evidence = place.manifest.evidence(f"volta pins {name} {wanted}", "volta", name)
            return _chosen(place, _BY_NAME[name], evidence)
    return None


def _by_settings(place: _Place) -> ChosenManager | None:
    settings = {WORKSPACE_FILE: PNPM, YARN_SETTINGS: BERRY, "bunfig.toml": BUN}
    for name, manager in settings.items():
        path = inside(place.directory, name)
        if place.repository.exists(path):
            reason = f"there are settings of {manager.name}"
            return _chosen(place, manager, Evidence(reason=reason, path=path))
    return None


def _by_scripts(place: _Place) -> ChosenManager | None:
    for name in ("start", "build"):
        if _SPEAKS_BUN.search(place.member.scripts.get(name, "") + " "):
            evidence = place.member.evidence(f"the script {name} calls bun", "scripts", name)
            return _chosen(place, BUN, evidence)
    return None


def _by_default(place: _Place) -> ChosenManager:
    reason = "no lock file and no packageManager names another package manager than npm"
    return _chosen(place, NPM, Evidence(reason=reason))


_RULES: tuple[Callable[[_Place], ChosenManager | None], ...] = (
    _by_field,
    _by_dev_engines,
    _by_lock,
    _by_engines,
    _by_volta,
    _by_settings,
    _by_scripts,
    _by_default,
)


def _chosen(
    place: _Place, manager: Manager, evidence: Evidence, version: str | None = None
) -> ChosenManager:
    version = version or _version(place, manager)
    if manager.name == "yarn":
        manager = YARN if allows_major(_without_hash(version or "1"), 1) else BERRY
    lock = next((place.locks[name] for name in manager.locks if name in place.locks), None)
    return ChosenManager(
        manager=manager,
        version=version,
        lock=lock,
        evidence=(evidence, *_about_lock(evidence, manager, lock)),
        rejected=(*_unknown_fields(place), *_unused_locks(place, manager, evidence)),
    )


def _without_hash(version: str) -> str:
    return version.partition("+")[0]


def _about_lock(evidence: Evidence, manager: Manager, lock: str | None) -> Iterator[Evidence]:
    if lock and lock != evidence.path:
        yield Evidence(reason="the lock file says which versions are installed", path=lock)
    if lock is None:
        reason = f"{manager.locks[0]} is missing: versions may differ from one build to the next"
        yield Evidence(reason=reason)


def _unknown_fields(place: _Place) -> Iterator[Rejected]:
    text = place.manifest.text("packageManager")
    match = _FIELD.fullmatch(text or "")
    if text and not (match and match["name"] in _BY_NAME):
        reason = f"{text[:50]!r} is none of {', '.join(sorted(_BY_NAME))} with a version"
        yield Rejected(framework="packageManager", reason=reason)


def _unused_locks(place: _Place, manager: Manager, evidence: Evidence) -> Iterator[Rejected]:
    for name, path in place.locks.items():
        if name not in manager.locks:
            where = f" ({evidence.path})" if evidence.path else ""
            reason = f"{manager.name} installs the packages: {evidence.reason}{where}"
            yield Rejected(framework=path, reason=reason)


def _version(place: _Place, manager: Manager) -> str | None:
    """Return what Volta pins, or what the project's files were made by if engines allows it."""
    if pinned := _exact(place.manifest.text("volta", manager.name)):
        return pinned
    made_by = _maker(place, manager)
    wanted = as_range(place.manifest.text("engines", manager.name) or "")
    if not wanted or manager is NPM:
        return made_by
    major = re.match(r"\d+", made_by or "")
    return made_by if major and allows_major(wanted, int(major[0])) else wanted


def _maker(place: _Place, manager: Manager) -> str | None:
    match manager.name:
        case "pnpm":
            return _pnpm_version(place)
        case "yarn":
            return _yarn_version(place)
        case "bun":
            return _exact(place.read(".bun-version").strip().removeprefix("v"))
        case _:
            return None


def _pnpm_version(place: _Place) -> str | None:
    """Say by which pnpm the lock file was made; others refuse it, or run no install scripts."""
    match = _PNPM_LOCK_VERSION.search(place.read("pnpm-lock.yaml")[:1000])
    version = _PNPM_BY_LOCK.get(match["version"]) if match else None
    settings = read_yaml(place.repository, inside(place.directory, WORKSPACE_FILE)).keys()
    if version not in {None, "9"} or not settings - _SINCE_PNPM_9:
        return version
    return ">=11" if "allowBuilds" in settings else "10"


def _yarn_version(place: _Place) -> str | None:
    lock = place.read("yarn.lock")
    if release := _YARN_RELEASE.search(place.read(YARN_SETTINGS)):
        return release["version"]
    if made := _BERRY_LOCK_VERSION.search(lock[:1000]):
        return "4" if int(made["version"]) >= 8 else "3"
    if line_of(lock[:1000], "# yarn lockfile v1"):
        return "1"
    return "4" if place.read(YARN_SETTINGS) else None


def _exact(text: str | None) -> str | None:
    """Return *text* where it is a version, with a hash or without, and not the name of one."""
    return text if text and _EXACT.fullmatch(text) else None
