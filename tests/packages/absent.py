"""
Imports all modules of packages as if only one extra of Pushpaka were installed.

`absent.py EXTRA PACKAGE...` hides the distributions that neither Pushpaka nor the extra requires,
and prints the top-level names of the imported modules.
"""

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pkgutil import walk_packages

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class HidingFinder:
    """A module finder that makes packages look as if they were not installed."""

    def __init__(self, hidden_packages: set[str]) -> None:
        self._hidden = hidden_packages

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Raise ModuleNotFoundError for a module of a hidden package, or else return None."""
        if name.partition(".")[0] in self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def required_with(extra: str) -> set[str]:
    """Return the names of all distributions that Pushpaka requires with *extra*."""
    seen = set[tuple[str, str]]()
    waiting = [("pushpaka", ""), ("pushpaka", extra)]
    while waiting:
        wanted = waiting.pop()
        if wanted not in seen:
            seen.add(wanted)
            waiting.extend(_requirements(*wanted))
    return {name for name, _ in seen}


def _requirements(name: str, extra: str) -> Iterator[tuple[str, str]]:
    try:
        declared = requires(name) or ()
    except PackageNotFoundError:
        return  # It is of another platform.
    for requirement in map(Requirement, declared):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            found = canonicalize_name(requirement.name)
            yield from ((found, each) for each in ("", *requirement.extras))


def import_all(packages: Sequence[str]) -> None:
    """Import each package, and all modules of Pushpaka's packages."""
    for name in packages:
        package = import_module(name)
        if name.startswith("pushpaka"):
            for found in walk_packages(getattr(package, "__path__", ()), f"{name}."):
                # Programs run when they are imported; Alembic alone imports its scripts.
                if not found.name.endswith("__main__") and ".migrations." not in found.name:
                    import_module(found.name)


if __name__ == "__main__":
    _, wanted, *names = sys.argv
    installed = required_with(wanted)
    hidden = {
        name
        for name, distributions in packages_distributions().items()
        if installed.isdisjoint(map(canonicalize_name, distributions))
    }
    for name in [each for each in sys.modules if each.partition(".")[0] in hidden]:
        del sys.modules[name]
    known = set(sys.modules)
    sys.meta_path.insert(0, HidingFinder(hidden))
    import_all(names)
    sys.stdout.write(" ".join(sorted({name.partition(".")[0] for name in {*sys.modules} - known})))
