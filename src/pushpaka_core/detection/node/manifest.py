"""package.json: what a project is called, what it depends on, and which scripts it has."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import field, frozen

from pushpaka_core.detection.documents import inside, read_json, table
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence

FILE = "package.json"

_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")


@frozen(kw_only=True)
class Manifest:
    """A package.json, whatever nonsense it may hold."""

    path: str
    """As seen from the repository."""
    document: Mapping[str, object] = field(factory=dict, repr=False)
    _text: str = field(default="", repr=False)

    @property
    def name(self) -> str | None:
        """Return the name of the package."""
        return self.text("name")

    @cached_property
    def scripts(self) -> Mapping[str, str]:
        """Return the scripts that do something."""
        return _texts(self.document.get("scripts"))

    @cached_property
    def dependencies(self) -> Mapping[str, str]:
        """Return all packages that are installed for it, with the versions that it asks for."""
        return {
            name: wanted
            for section in reversed(_DEPENDENCIES)
            for name, wanted in _texts(self.document.get(section)).items()
        }

    def text(self, *keys: str) -> str | None:
        """Return the text that *keys* lead to, or None where there is none."""
        *tables, last = keys
        value = table(self.document, *tables).get(last)
        return value.strip() or None if isinstance(value, str) else None

    def has(self, *packages: str) -> bool:
        """Tell whether it depends on one of *packages*."""
        return self.first_of(packages) is not None

    def first_of(self, packages: Iterable[str]) -> str | None:
        """Return the first of *packages* that it depends on."""
        return next((package for package in packages if package in self.dependencies), None)

    def major_of(self, package: str) -> int | None:
        """Return the first number of the version that it asks for, as in 5 for "^5.1.0"."""
        number = re.search(r"\d{1,6}", self.dependencies.get(package, ""))
        return int(number[0]) if number else None

    def listing(self, package: str) -> Evidence:
        """Say where *package* is listed."""
        sections = (one for one in _DEPENDENCIES if package in _texts(self.document.get(one)))
        return self.evidence(f"{package} is listed", next(sections, "dependencies"), package)

    def evidence(self, reason: str, *keys: str) -> Evidence:
        """Return *reason* with the line to which *keys* lead."""
        return Evidence(reason=reason, path=self.path, line=self._line(*keys))

    def _line(self, *keys: str) -> int | None:
        position = 0
        for key in keys:
            found = re.compile(rf'"{re.escape(key)}"\s*:').search(self._text, position)
            if found is None:
                return None
            position = found.start()
        return self._text.count("\n", 0, position) + 1


def read_manifest(repository: FileTree, directory: str) -> Manifest:
    """
    Return the manifest in *directory*, an empty one where there is none.

    Raises:
        DetectionError: If it is no JSON; the message holds line and column.
    """
    path = inside(directory, FILE)
    document = read_json(repository, path)
    return Manifest(path=path, document=document, text=repository.read(path) or "")


def _texts(value: object) -> Mapping[str, str]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: text.strip() for key, text in items if isinstance(text, str) and text.strip()}
