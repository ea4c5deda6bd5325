"""Which versions of a program a Node project accepts, in npm's language of ranges."""

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Self

from attrs import field, frozen

from pushpaka_core.errors import BuildError

Version = tuple[int, int, int]

_ZERO: Version = (0, 0, 0)
_ANY = frozenset({"", "*", "x", "X", "latest", "stable", "current", "node", "lts", "lts/*"})
_PART = r"(\d{1,9}|[xX*])"
_COMPARATOR = re.compile(
    rf"(?P<operator>[<>]=?|=|\^|~>?)?\s*v?{_PART}(?:\.{_PART})?(?:\.{_PART})?"
    r"(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?(?=\s|,|$)"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


@frozen(order=True)
class Interval:
    """The versions from one on, and before another one."""

    since: Version = _ZERO
    before: Version | None = None

    @property
    def for_npm(self) -> str:
        """Return it as npm writes it."""
        return " ".join(self._bounds)

    @property
    def for_python(self) -> str:
        """Return it as Python's packaging writes it."""
        return ",".join(self._bounds)

    def __contains__(self, version: Version) -> bool:
        return self.since <= version and (self.before is None or version < self.before)

    def intersection(self, other: Self) -> Self:
        """Return what lies in both."""
        ends = [end for end in (self.before, other.before) if end is not None]
        return type(self)(max(self.since, other.since), min(ends, default=None))

    @property
    def _bounds(self) -> Sequence[str]:
        since = f">={shown(self.since)}"
        return [since] if self.before is None else [since, f"<{shown(self.before)}"]


@frozen
class VersionRange:
    """What a project asks for, and what that means."""

    text: str
    intervals: Sequence[Interval] = field(repr=False)
    """The latest first."""

    @classmethod
    def read(cls, text: str) -> Self:
        """
        Read a range as package.json has it.

        Raises:
            ValueError: If it is none.
        """
        intervals = (_read_alternative(each.strip()) for each in text.split("||"))
        return cls(text, sorted(intervals, reverse=True, key=lambda each: each.since))

    def __contains__(self, version: Version) -> bool:
        return any(version in interval for interval in self.intervals)


def read_range(program: str, text: str) -> VersionRange:
    """
    Read what a project asks for of *program*.

    Raises:
        BuildError: If it is no range of versions.
    """
    try:
        return VersionRange.read(text)
    except ValueError:
        raise BuildError(
            f"The application asks for {program} {text[:100]!r}, which is no range of versions."
            " Ask for one as 22, >=20 or ^20.9."
        ) from None


def read_version(text: str) -> Version | None:
    """Return the numbers of a version as programs print it, or None if it is none."""
    match = _VERSION.match(text.strip())
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def shown(version: Version) -> str:
    """Return a version as people read it."""
    return ".".join(map(str, version))


def _read_alternative(text: str) -> Interval:
    if text in _ANY:
        return Interval()
    if hyphen := _HYPHEN.fullmatch(text):
        text = f">={hyphen[1]} <={hyphen[2]}"
    return reduce(Interval.intersection, _read_comparators(text))


def _read_comparators(text: str) -> Iterator[Interval]:
    position = 0
    while position < len(text):
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is no range of versions.")
        operator, *parts = match.groups()
        yield _interval(operator or "=", _numbers(parts))
        position = match.end()
        position += len(text[position:]) - len(text[position:].lstrip(" ,\t"))


def _numbers(parts: Sequence[str | None]) -> tuple[int, ...]:
    """Return the parts that are given: what follows a wildcard is one as well."""
    given = [part for part in parts if part is not None]
    first = next((i for i, part in enumerate(given) if part in {"x", "X", "*"}), len(given))
    return tuple(map(int, given[:first]))


def _interval(operator: str, parts: tuple[int, ...]) -> Interval:
    if not parts:
        return Interval()
    since, after = _padded(parts), _next(parts)
    minor, breaking = _next(parts[:2]), _next(parts[: _breaking(parts)])
    return {
        ">": Interval(after),
        ">=": Interval(since),
        "<": Interval(before=since),
        "<=": Interval(before=after),
        "^": Interval(since, breaking),
        "~": Interval(since, minor),
        "~>": Interval(since, minor),
        "=": Interval(since, after),
    }[operator]


def _breaking(parts: tuple[int, ...]) -> int:
    """Return how many parts must stay for nothing to break: up to the first that is not 0."""
    return next((i + 1 for i, part in enumerate(parts) if part), len(parts))


def _next(parts: tuple[int, ...]) -> Version:
    return _padded((*parts[:-1], parts[-1] + 1))


def _padded(parts: tuple[int, ...]) -> Version:
    major, minor, patch = (*parts, 0, 0)[:3]
    return major, minor, patch
