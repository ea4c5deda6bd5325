"""Chooses the package manager of a project, and its version."""

import re
from collections.abc import Callable, Iterator, Mapping

from attrs import field, frozen

from pushpaka_core.detection.documents import line_of, read_yaml, repository_path
from pushpaka_core.detection.node.managers import (
    BERRY,
    BUN,
    LOCK_PRECEDENCE,
    NPM,
    PNPM,
    YARN,
    ChosenManager,
    PackageManager,
)
from pushpaka_core.detection.node.manifest import Manifest
from pushpaka_core.detection.node.versions import allows_major, as_range
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate

WORKSPACE_FILE = "pnpm-workspace.yaml"
YARN_SETTINGS = ".yarnrc.yml"

_FIELD = re.compile(r"(?P<name>[a-z]+)(?:@(?P<version>\S+))?")
_YARN_RELEASE = re.compile(r"yarn-(?P<version>\d+\.\d+\.\d+[\w.-]{0,30}?)\.c?js")
_PNPM_LOCK_VERSION = re.compile(r"^lockfileVersion: *['\"]?(?P<version>\d+\.\d+)", re.MULTILINE)
_PNPM_BY_LOCK = {"5.3": "6", "5.4": "7", "6.0": "8", "6.1": "8", "9.0": "9"}
_PNPM_9_KEYS = frozenset({"packages", "catalog", "catalogs"})
_BERRY_LOCK_VERSION = re.compile(r"^__metadata:\n *version: *(?P<version>\d+)", re.MULTILINE)
_EXACT = re.compile(r"\d+(?:\.\d+){0,2}(?:-[\w.-]+)?(?:\+\S+)?")
_CALLS_BUN = re.compile(r"(?:^|[\s;&|])bunx?\s")
_BY_NAME = {manager.name: manager for manager in LOCK_PRECEDENCE}


@frozen(kw_only=True)
class _InstallRoot:
    """The directory in which packages are installed: that of the project or of its workspace."""

    repository: FileTree
    directory: str
    manifest: Manifest
    member: Manifest
    locks: Mapping[str, str] = field(factory=dict)
    """Paths of existing lock files, by file name."""

    def read(self, name: str) -> str:
        return self.repository.read(repository_path(self.directory, name)) or ""


def choose_manager(
    repository: FileTree, directory: str, manifest: Manifest, application_manifest: Manifest
) -> ChosenManager:
    """
    Return the package manager that installs *manifest*.

    Args:
        repository: All files of the repository.
        directory: The directory in which packages are installed.
        manifest: The package.json in this directory.
        application_manifest: The package.json of the application, which is *manifest* outside
            workspaces.
    """
    names = [lock for manager in LOCK_PRECEDENCE for lock in manager.locks]
    paths = {name: repository_path(directory, name) for name in names}
    install_root = _InstallRoot(
        repository=repository,
        directory=directory,
        manifest=manifest,
        member=application_manifest,
        locks={name: path for name, path in paths.items() if repository.exists(path)},
    )
    return next(chosen for rule in _RULES if (chosen := rule(install_root)))


def _choose_by_field(install_root: _InstallRoot) -> ChosenManager | None:
    for manifest in (install_root.manifest, install_root.member):
        text = manifest.text("packageManager") or ""
        match = _FIELD.fullmatch(text)
        if match and match["name"] in _BY_NAME:
            reason = f"packageManager requests {text.partition('+')[0]}"
            evidence = manifest.evidence(reason, "packageManager")
            version = _exact_version(match["version"])
            return _choice(install_root, _BY_NAME[match["name"]], evidence, version)
    return None


def _choose_by_dev_engines(install_root: _InstallRoot) -> ChosenManager | None:
    for manifest in (install_root.manifest, install_root.member):
        name = manifest.text("devEngines", "packageManager", "name")
        if name in _BY_NAME:
            version = manifest.text("devEngines", "packageManager", "version")
            reason = f"devEngines requests {' '.join(filter(None, (name, version)))}"
            evidence = manifest.evidence(reason, "devEngines", "packageManager")
            version_range = as_range(version) if version else None
            return _choice(install_root, _BY_NAME[name], evidence, version_range)
    return None


def _choose_by_lock(install_root: _InstallRoot) -> ChosenManager | None:
    for manager in LOCK_PRECEDENCE:
        lock = next(
            (install_root.locks[name] for name in manager.locks if name in install_root.locks), None
        )
        if lock:
            evidence = Evidence(reason=f"there is a {manager.name} lock file", path=lock)
            return _choice(install_root, manager, evidence)
    return None


def _choose_by_engines(install_root: _InstallRoot) -> ChosenManager | None:
    for name in ("pnpm", "yarn", "bun"):
        if version_range := install_root.manifest.text("engines", name):
            evidence = install_root.manifest.evidence(
                f"engines requests {name} {version_range}", "engines", name
            )
            return _choice(install_root, _BY_NAME[name], evidence)
    return None


def _choose_by_volta(install_root: _InstallRoot) -> ChosenManager | None:
    for name in ("pnpm", "yarn"):
        if version_range := install_root.manifest.text("volta", name):
            evidence = install_root.manifest.evidence(
                f"volta pins {name} {version_range}", "volta", name
            )
            return _choice(install_root, _BY_NAME[name], evidence)
    return None


def _choose_by_settings(install_root: _InstallRoot) -> ChosenManager | None:
    settings = {WORKSPACE_FILE: PNPM, YARN_SETTINGS: BERRY, "bunfig.toml": BUN}
    for name, manager in settings.items():
        path = repository_path(install_root.directory, name)
        if install_root.repository.exists(path):
            reason = f"there are {manager.name} settings"
            return _choice(install_root, manager, Evidence(reason=reason, path=path))
    return None


def _choose_by_scripts(install_root: _InstallRoot) -> ChosenManager | None:
    for name in ("start", "build"):
        if _CALLS_BUN.search(install_root.member.scripts.get(name, "") + " "):
            evidence = install_root.member.evidence(f"the {name} script calls bun", "scripts", name)
            return _choice(install_root, BUN, evidence)
    return None


def _choose_by_default(install_root: _InstallRoot) -> ChosenManager:
    reason = "npm is the default, as no lock file or packageManager selects another"
    return _choice(install_root, NPM, Evidence(reason=reason))


_RULES: tuple[Callable[[_InstallRoot], ChosenManager | None], ...] = (
    _choose_by_field,
    _choose_by_dev_engines,
    _choose_by_lock,
    _choose_by_engines,
    _choose_by_volta,
    _choose_by_settings,
    _choose_by_scripts,
    _choose_by_default,
)


def _choice(
    install_root: _InstallRoot,
    manager: PackageManager,
    evidence: Evidence,
    version: str | None = None,
) -> ChosenManager:
    version = version or _version(install_root, manager)
    if manager.name == "yarn":
        manager = YARN if allows_major(_without_hash(version or "1"), 1) else BERRY
    lock = next(
        (install_root.locks[name] for name in manager.locks if name in install_root.locks), None
    )
    return ChosenManager(
        manager=manager,
        version=version,
        lock=lock,
        evidence=(evidence, *_lock_evidence(evidence, manager, lock)),
        rejected=(*_unknown_fields(install_root), *_unused_locks(install_root, manager, evidence)),
    )


def _without_hash(version: str) -> str:
    return version.partition("+")[0]


def _lock_evidence(
    evidence: Evidence, manager: PackageManager, lock: str | None
) -> Iterator[Evidence]:
    if lock and lock != evidence.path:
        yield Evidence(reason="the lock file pins the versions", path=lock)
    if lock is None:
        reason = f"{manager.locks[0]} is missing, so versions can change between builds"
        yield Evidence(reason=reason)


def _unknown_fields(install_root: _InstallRoot) -> Iterator[RejectedCandidate]:
    text = install_root.manifest.text("packageManager")
    match = _FIELD.fullmatch(text or "")
    if text and not (match and match["name"] in _BY_NAME):
        reason = f"{text[:50]!r} is not one of {', '.join(sorted(_BY_NAME))} with a version"
        yield RejectedCandidate(framework="packageManager", reason=reason)


def _unused_locks(
    install_root: _InstallRoot, manager: PackageManager, evidence: Evidence
) -> Iterator[RejectedCandidate]:
    for name, path in install_root.locks.items():
        if name not in manager.locks:
            where = f" ({evidence.path})" if evidence.path else ""
            reason = f"{manager.name} installs the packages: {evidence.reason}{where}"
            yield RejectedCandidate(framework=path, reason=reason)


def _version(install_root: _InstallRoot, manager: PackageManager) -> str | None:
    """
    Return the version of *manager* that Volta pins.

    Without one, return the version that wrote the lock file, unless `engines` requires another.
    """
    if pinned := _exact_version(install_root.manifest.text("volta", manager.name)):
        return pinned
    made_by = _version_from_files(install_root, manager)
    version_range = as_range(install_root.manifest.text("engines", manager.name) or "")
    if not version_range or manager is NPM:
        return made_by
    major = re.match(r"\d+", made_by or "")
    return made_by if major and allows_major(version_range, int(major[0])) else version_range


def _version_from_files(install_root: _InstallRoot, manager: PackageManager) -> str | None:
    match manager.name:
        case "pnpm":
            return _pnpm_version(install_root)
        case "yarn":
            return _yarn_version(install_root)
        case "bun":
            return _exact_version(install_root.read(".bun-version").strip().removeprefix("v"))
        case _:
            return None


def _pnpm_version(install_root: _InstallRoot) -> str | None:
    """
    Return the pnpm version that wrote the lock file.

    Other pnpm versions reject the lock file, or do not run install scripts.
    """
    match = _PNPM_LOCK_VERSION.search(install_root.read("pnpm-lock.yaml")[:1000])
    version = _PNPM_BY_LOCK.get(match["version"]) if match else None
    settings = read_yaml(
        install_root.repository, repository_path(install_root.directory, WORKSPACE_FILE)
    ).keys()
    if version not in {None, "9"} or not settings - _PNPM_9_KEYS:
        return version
    return ">=11" if "allowBuilds" in settings else "10"


def _yarn_version(install_root: _InstallRoot) -> str | None:
    lock = install_root.read("yarn.lock")
    if release := _YARN_RELEASE.search(install_root.read(YARN_SETTINGS)):
        return release["version"]
    if made := _BERRY_LOCK_VERSION.search(lock[:1000]):
        return "4" if int(made["version"]) >= 8 else "3"
    if line_of(lock[:1000], "# yarn lockfile v1"):
        return "1"
    return "4" if install_root.read(YARN_SETTINGS) else None


def _exact_version(text: str | None) -> str | None:
    """Return *text* if it is a version number, with or without a hash. Return None for a tag."""
    return text if text and _EXACT.fullmatch(text) else None
