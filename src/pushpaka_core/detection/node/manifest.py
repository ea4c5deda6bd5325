"""Reads package.json: name, dependencies and scripts."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import field, frozen

from pushpaka_core.detection.documents import read_json, repository_path, table_at
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence

FILE = "package.json"

_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")


@frozen(kw_only=True)
class Manifest:
    """The content of a package.json. Values of unexpected types are ignored."""

    path: str
    """The path relative to the repository."""
    document: Mapping[str, object] = field(factory=dict, repr=False)
    _text: str = field(default="", repr=False)

    @property
    def name(self) -> str | None:
        """Return the package name, or None."""
        return self.text("name")

    @cached_property
    def scripts(self) -> Mapping[str, str]:
        """Return the scripts by name, without empty ones."""
        return _nonempty_strings(self.document.get("scripts"))

    @cached_property
    def dependencies(self) -> Mapping[str, str]:
        """Return the version ranges of all dependencies, including `devDependencies`, by name."""
        return {
            name: version_range
            for section in reversed(_DEPENDENCIES)
            for name, version_range in _nonempty_strings(self.document.get(section)).items()
        }

    def text(self, *keys: str) -> str | None:
        """Return the string at *keys*, or None if there is none or it is blank."""
        *tables, last = keys
        value = table_at(self.document, *tables).get(last)
        return value.strip() or None if isinstance(value, str) else None

    def has(self, *packages: str) -> bool:
        """Return True if one of *packages* is a dependency."""
        return self.first_listed(packages) is not None

    def first_listed(self, packages: Iterable[str]) -> str | None:
        """Return the first of *packages* that is a dependency, or None."""
        return next((package for package in packages if package in self.dependencies), None)

    def major_version_of(self, package: str) -> int | None:
        """Return the first number of a dependency's version range, for example 5 for "^5.1.0"."""
        number = re.search(r"\d{1,6}", self.dependencies.get(package, ""))
        return int(number[0]) if number else None

    def listing_evidence(self, package: str) -> Evidence:
        """Return the line that lists *package*, as evidence."""
        sections = (
            one for one in _DEPENDENCIES if package in _nonempty_strings(self.document.get(one))
        )
        return self.evidence(f"{package} is listed", next(sections, "dependencies"), package)

    def evidence(self, reason: str, *keys: str) -> Evidence:
        """Return *reason* as evidence, with the line of the value at *keys*."""
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
    Return the manifest in *directory*, or an empty one if there is no package.json.

    Raises:
        DetectionError: If the file is not valid JSON. The message includes the line and column.
    """
    path = repository_path(directory, FILE)
    document = read_json(repository, path)
    return Manifest(path=path, document=document, text=repository.read(path) or "")


def _nonempty_strings(value: object) -> Mapping[str, str]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: text.strip() for key, text in items if isinstance(text, str) and text.strip()}
