"""Finds the Node.js version that a project requests."""

import re
from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve, frozen
from semantic_version import NpmSpec, Version  # type: ignore[import-untyped]  # has no type stubs

from pushpaka_core.detection.node.manifest import Manifest, read_manifest
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    VersionEntry,
    VersionSource,
    first_line_source,
    mise_source,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate

_CODE_NAMES = {
    "argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14",
    "gallium": "16", "hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24",
}  # fmt: skip
"""Code names of long-term support releases, with their major versions."""
_LATEST = frozenset({"node", "latest", "stable", "current", "lts", "lts/*", "default"})
_SPACE_AFTER_OPERATOR = re.compile(r"(?<=[<>=^~])\s+")
_PREFIX = re.compile(r"(?<![\w.-])v(?=\d)")
_MAX_RANGE_LENGTH = 200
_MAX_MAJOR = 60
_MAX_MINOR = 30
_HIGH_PATCH = 99


@frozen(kw_only=True)
class RequestedNode:
    """The requested version, and requests that could not be used."""

    version: str | None = None
    """A semver range as npm understands it. None lets the builder choose."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()


_MINIMUM_NODE = (
    ("@solidjs/start", 2, ">=24"),
    ("@adonisjs/core", 7, ">=24"),
    ("@angular/core", 22, "^22.22.3 || ^24.15.0 || >=26.0.0"),
    ("@react-router/dev", 8, ">=22.22"),
    ("nuxt", 4, ">=22.19"),
    ("astro", 6, ">=22.12"),
    ("@sveltejs/kit", 3, ">=22.17"),
    ("@tanstack/react-start", 1, ">=22.12"),
    ("@tanstack/solid-start", 1, ">=22.12"),
    ("@angular/core", 20, "^20.19.0 || ^22.12.0 || >=24.0.0"),
    ("vite", 7, "^20.19.0 || >=22.12.0"),
    ("next", 16, ">=20.9.0"),
    ("@docusaurus/core", 3, ">=20.0"),
    ("@react-router/dev", 7, ">=20.0.0"),
)
"""
Packages, the first major version that needs a newer Node.js, and the Node.js versions that it
needs. The first row that matches counts.
"""


def requested_node(repository: FileTree, directories: Sequence[str]) -> RequestedNode:
    """
    Return the first version that a file requests.

    Each kind of file is searched for in all *directories* before the next kind is tried. The
    application directory comes first, followed by its parents.
    """
    rejected: list[RejectedCandidate] = []
    for source in _SOURCES:
        for directory in directories:
            entry = source(repository, directory)
            if entry is None:
                continue
            version = as_range(entry.text)
            if version is not None:
                evidence = _evidence(version, entry)
                return RequestedNode(
                    version=version or None, evidence=(evidence,), rejected=tuple(rejected)
                )
            reason = f"{entry.text[:50]!r} is not a valid Node.js version"
            rejected.append(RejectedCandidate(framework=entry.path, reason=reason))
    return RequestedNode(rejected=tuple(rejected))


def minimum_node(manifest: Manifest) -> RequestedNode:
    """Return the version that the packages in *manifest* need, for projects that request none."""
    for package, since, version in _MINIMUM_NODE:
        major = manifest.major_version_of(package)
        if major is not None and since <= major < _MAX_MAJOR:
            listing = manifest.listing_evidence(package)
            evidence = evolve(listing, reason=f"{package} {major} needs Node.js {version}")
            return RequestedNode(version=version, evidence=(evidence,))
    return RequestedNode()


def may_be_at_least(version: str | None, major: int) -> bool:
    """Return True if *version*, a range, allows Node.js *major* or newer."""
    return version is None or any(
        allows_major(version, number) for number in range(major, _MAX_MAJOR)
    )


def allows_major(version_range: str, major: int) -> bool:
    """Return True if *version_range* allows a version whose major version is *major*."""
    allowed = NpmSpec(version_range)
    return any(
        allowed.match(Version(major=major, minor=minor, patch=patch))
        for minor in range(_MAX_MINOR)
        for patch in (0, _HIGH_PATCH)
    )


def as_range(text: str) -> str | None:
    """Return *text* as an npm version range, "" for any version, or None if it is invalid."""
    name = text.strip().lower()
    if name in _LATEST:
        return ""
    if codename := _CODE_NAMES.get(name.removeprefix("lts/").removeprefix("lts-")):
        return codename
    number = name.removeprefix("node-").removeprefix("node/")
    normalized = _SPACE_AFTER_OPERATOR.sub("", _PREFIX.sub("", number))
    if len(normalized) <= _MAX_RANGE_LENGTH:
        with suppress(ValueError):
            NpmSpec(normalized)
            return "" if normalized in {"*", "x"} else normalized
    return None


def _evidence(version: str, entry: VersionEntry) -> Evidence:
    if not version:
        reason = f"any current Node.js version works ({entry.text})"
    elif entry.text == version:
        reason = f"Node.js {version} is requested"
    else:
        reason = f"Node.js {version} is requested as {entry.text}"
    return Evidence(reason=reason, path=entry.path, line=entry.line)


def _manifest_source(*keys: str) -> VersionSource:
    def read(repository: FileTree, directory: str) -> VersionEntry | None:
        manifest = read_manifest(repository, directory)
        text = manifest.text(*keys)
        if text is None:
            return None
        place = manifest.evidence("", *keys)
        return VersionEntry(text=text, path=manifest.path, line=place.line)

    return read


_SOURCES: tuple[VersionSource, ...] = (
    first_line_source(".nvmrc"),
    first_line_source(".node-version"),
    tool_versions_source("nodejs", "node"),
    mise_source("node", "nodejs"),
    _manifest_source("volta", "node"),
    _manifest_source("engines", "node"),
    _manifest_source("devEngines", "runtime", "version"),
)
"""Files that request a version, most specific first."""
