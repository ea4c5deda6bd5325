"""What Poetry and Pipenv write about versions and packages, in the words of the standard."""

import re
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.documents import strings

_TERM = re.compile(r"(?P<operator>\^|~=|~|===?|!=|<=|>=|<|>|=)?\s*v?(?P<version>[^\s,<>=!^~|]+)")
_RELEASE = re.compile(r"\d+(\.\d+)*")
_LONGEST = 200
_REVISIONS = ("rev", "ref", "tag", "branch")


def specifier_of(constraint: str) -> str | None:
    """
    Return *constraint* as a standard specifier, or None where it cannot be said as one.

    Of alternatives, which the standard does not know, the last one is taken.
    """
    if len(constraint) > _LONGEST:
        return None
    text = constraint.rsplit("||", maxsplit=1)[-1].strip()
    terms = [
        part
        for match in _TERM.finditer(text)
        for part in _translated(match["operator"] or "", match["version"])
    ]
    specifier = ",".join(terms)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    return specifier


def requirements_of(listed: Mapping[str, object]) -> Iterator[str]:
    """Yield the packages of a table as requirements; what cannot be understood is left out."""
    for name, value in listed.items():
        one = value[-1] if isinstance(value, list) and value else value
        wanted = {"version": one} if isinstance(one, str) else one
        requirement = _requirement(name, wanted) if isinstance(wanted, Mapping) else None
        if requirement and name.lower() != "python":
            yield requirement


def _translated(operator: str, version: str) -> Iterator[str]:
    if version == "*":
        return
    release = _RELEASE.match(version)
    numbers = [int(part) for part in release[0].split(".")] if release else []
    match operator:
        case "^" if numbers:
            yield from (f">={version}", f"<{_next_breaking(numbers)}")
        case "~" if numbers:
            kept = numbers[: min(len(numbers), 2)]
            yield from (f">={version}", f"<{_raised(kept)}")
        case "" | "=":
            yield f"=={version}"
        case _:
            yield f"{operator}{version}"


def _next_breaking(numbers: list[int]) -> str:
    """Return the first version that a caret excludes: it keeps the first number but zero."""
    leading = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    return _raised(numbers[: leading + 1])


def _raised(numbers: list[int]) -> str:
    *kept, last = numbers
    return ".".join(map(str, (*kept, last + 1)))


def _requirement(name: str, wanted: Mapping[str, object]) -> str | None:
    if wanted.get("optional") is True:
        return None
    extras = ",".join(strings(wanted.get("extras")))
    named = f"{name}[{extras}]" if extras else name
    source = _source(wanted)
    version = wanted.get("version")
    specifier = specifier_of(version) if isinstance(version, str) else ""
    text = f"{named} @ {source}" if source else f"{named}{specifier or ''}"
    markers = wanted.get("markers")
    requirement = f"{text} ; {markers}" if isinstance(markers, str) else text
    try:
        Requirement(requirement)
    except (InvalidRequirement, RecursionError):
        return None
    return requirement


def _source(wanted: Mapping[str, object]) -> str | None:
    match wanted:
        case {"git": str(address)}:
            revision = next((wanted[key] for key in _REVISIONS if key in wanted), None)
            return f"git+{address}@{revision}" if revision else f"git+{address}"
        case {"url": str(address)} | {"file": str(address)} | {"path": str(address)}:
            return address
        case _:
            return None
