"""Translates the version constraints of Poetry and Pipenv to standard requirements (PEP 508)."""

import re
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.documents import strings

_TERM = re.compile(r"(?P<operator>\^|~=|~|===?|!=|<=|>=|<|>|=)?\s*v?(?P<version>[^\s,<>=!^~|]+)")
_RELEASE = re.compile(r"\d+(\.\d+)*")
_MAX_LENGTH = 200
_REVISIONS = ("rev", "ref", "tag", "branch")


def to_specifier(constraint: str) -> str | None:
    """
    Return *constraint* as a standard version specifier, or None if it cannot be expressed.

    The standard does not support alternatives ("||"), so the last alternative is used.
    """
    if len(constraint) > _MAX_LENGTH:
        return None
    text = constraint.rsplit("||", maxsplit=1)[-1].strip()
    terms = [
        part
        for match in _TERM.finditer(text)
        for part in _translate(match["operator"] or "", match["version"])
    ]
    specifier = ",".join(terms)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    return specifier


def to_requirements(dependency_table: Mapping[str, object]) -> Iterator[str]:
    """Yield the packages in *dependency_table* as requirements. Invalid entries are skipped."""
    for name, value in dependency_table.items():
        one = value[-1] if isinstance(value, list) and value else value
        fields = {"version": one} if isinstance(one, str) else one
        requirement = _requirement(name, fields) if isinstance(fields, Mapping) else None
        if requirement and name.lower() != "python":
            yield requirement


def _translate(operator: str, version: str) -> Iterator[str]:
    if version == "*":
        return
    release = _RELEASE.match(version)
    numbers = [int(part) for part in release[0].split(".")] if release else []
    match operator:
        case "^" if numbers:
            yield from (f">={version}", f"<{_caret_upper_bound(numbers)}")
        case "~" if numbers:
            kept = numbers[: min(len(numbers), 2)]
            yield from (f">={version}", f"<{_increment_last(kept)}")
        case "" | "=":
            yield f"=={version}"
        case _:
            yield f"{operator}{version}"


def _caret_upper_bound(numbers: list[int]) -> str:
    """Return the upper bound of a caret constraint, which increments the first nonzero number."""
    leading = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    return _increment_last(numbers[: leading + 1])


def _increment_last(numbers: list[int]) -> str:
    *kept, last = numbers
    return ".".join(map(str, (*kept, last + 1)))


def _requirement(name: str, fields: Mapping[str, object]) -> str | None:
    if fields.get("optional") is True:
        return None
    extras = ",".join(strings(fields.get("extras")))
    named = f"{name}[{extras}]" if extras else name
    source = _source(fields)
    version = fields.get("version")
    specifier = to_specifier(version) if isinstance(version, str) else ""
    text = f"{named} @ {source}" if source else f"{named}{specifier or ''}"
    markers = fields.get("markers")
    requirement = f"{text} ; {markers}" if isinstance(markers, str) else text
    try:
        Requirement(requirement)
    except (InvalidRequirement, RecursionError):
        return None
    return requirement


def _source(fields: Mapping[str, object]) -> str | None:
    match fields:
        case {"git": str(address)}:
            revision = next((fields[key] for key in _REVISIONS if key in fields), None)
            return f"git+{address}@{revision}" if revision else f"git+{address}"
        case {"url": str(address)} | {"file": str(address)} | {"path": str(address)}:
            return address
        case _:
            return None
