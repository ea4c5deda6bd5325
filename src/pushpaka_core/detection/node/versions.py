"""Which Node.js a project asks for."""

import re
from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve, frozen
from semantic_version import NpmSpec, Version  # type: ignore[import-untyped]  # it has none

from pushpaka_core.detection.node.manifest import Manifest, read_manifest
from pushpaka_core.detection.sayings import Saying, Source, first_line, mise, tool_versions
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence, Rejected

_NAMED = {
    "argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14",
    "gallium": "16", "hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24",
}  # fmt: skip
"""Lines with long-term support, by their names."""
_LATEST = frozenset({"node", "latest", "stable", "current", "lts", "lts/*", "default"})
_SPACE_AFTER_OPERATOR = re.compile(r"(?<=[<>=^~])\s+")
_PREFIX = re.compile(r"(?<![\w.-])v(?=\d)")
_MOST = 200
_NEWEST = 60
_MOST_MINORS = 30
_LATE_PATCH = 99


@frozen(kw_only=True)
class WantedNode:
    """What is asked for, and what was passed over."""

    version: str | None = None
    """A range as npm understands it; None leaves the choice to the builder."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()


_NEEDS = (
    ("@solidjs/start", 2, ">=24"),
    ("@adonisjs/core", 7, ">=24"),
    ("@angular/core", 22, "^22.22.3 || ^24.15.0 || >=26.0.0"),
    ("@react-router/dev", 8, ">=22.22"),
    ("nuxt", 4, ">=22.19"),
    ("astro", 6, ">=22.12"),
    ("@sveltejs/kit", 3, ">=22.17"),
    ("@tanstack/react-start", 1, ">=22.12"),
    ("@angular/core", 20, "^20.19.0 || ^22.12.0 || >=24.0.0"),
    ("vite", 7, "^20.19.0 || >=22.12.0"),
    ("next", 16, ">=20.9.0"),
    ("@docusaurus/core", 3, ">=20.0"),
    ("@react-router/dev", 7, ">=20.0.0"),
)
"""What packages run on from a major version on; the ones that need the newest come first."""


def wanted_node(repository: FileTree, directories: Sequence[str]) -> WantedNode:
    """
    Return the first version that one of the known files names.

    *directories* are that of the application and those above it; within one kind of
    file the nearest directory wins.
    """
    rejected: list[Rejected] = []
    for source in _SOURCES:
        for directory in directories:
            saying = source(repository, directory)
            if saying is None:
                continue
            version = as_range(saying.text)
            if version is not None:
                evidence = _evidence(version, saying)
                return WantedNode(
                    version=version or None, evidence=(evidence,), rejected=tuple(rejected)
                )
            reason = f"{saying.text[:50]!r} is no version of Node.js that is understood here"
            rejected.append(Rejected(framework=saying.path, reason=reason))
    return WantedNode(rejected=tuple(rejected))


def needed_node(manifest: Manifest) -> WantedNode:
    """Return what the packages need that *manifest* lists, for a project that does not say."""
    for package, since, version in _NEEDS:
        major = manifest.major_of(package)
        if major is not None and since <= major < _NEWEST:
            listing = manifest.listing(package)
            evidence = evolve(listing, reason=f"{package} {major} needs Node.js {version}")
            return WantedNode(version=version, evidence=(evidence,))
    return WantedNode()


def may_be_at_least(version: str | None, major: int) -> bool:
    """Tell whether a Node.js of *major*, or a newer one, is among those that *version* allows."""
    return version is None or any(allows_major(version, number) for number in range(major, _NEWEST))


def allows_major(wanted: str, major: int) -> bool:
    """Tell whether one of the versions of *major* is among those that *wanted* allows."""
    allowed = NpmSpec(wanted)
    return any(
        allowed.match(Version(major=major, minor=minor, patch=patch))
        for minor in range(_MOST_MINORS)
        for patch in (0, _LATE_PATCH)
    )


def as_range(text: str) -> str | None:
    """Return a range that npm understands, "" for any version, or None for nonsense."""
    name = text.strip().lower()
    if name in _LATEST:
        return ""
    if codename := _NAMED.get(name.removeprefix("lts/").removeprefix("lts-")):
        return codename
    number = name.removeprefix("node-").removeprefix("node/")
    wanted = _SPACE_AFTER_OPERATOR.sub("", _PREFIX.sub("", number))
    if len(wanted) <= _MOST:
        with suppress(ValueError):
            NpmSpec(wanted)
            return "" if wanted in {"*", "x"} else wanted
    return None


def _evidence(version: str, saying: Saying) -> Evidence:
    if not version:
        reason = f"any current Node.js will do ({saying.text})"
    elif saying.text == version:
        reason = f"Node.js {version} is asked for"
    else:
        reason = f"Node.js {version} is asked for, as {saying.text}"
    return Evidence(reason=reason, path=saying.path, line=saying.line)


def _in_manifest(*keys: str) -> Source:
    def read(repository: FileTree, directory: str) -> Saying | None:
        manifest = read_manifest(repository, directory)
        text = manifest.text(*keys)
        if text is None:
            return None
        place = manifest.evidence("", *keys)
        return Saying(text=text, path=manifest.path, line=place.line)

    return read


_SOURCES: tuple[Source, ...] = (
    first_line(".nvmrc"),
    first_line(".node-version"),
    tool_versions("nodejs", "node"),
    mise("node", "nodejs"),
    _in_manifest("volta", "node"),
    _in_manifest("engines", "node"),
    _in_manifest("devEngines", "runtime", "version"),
)
"""Files that name a version, the most exact first."""
