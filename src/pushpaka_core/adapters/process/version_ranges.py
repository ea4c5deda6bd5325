"""Which versions of a program a Node project accepts, in npm's language of ranges."""

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Self

import semantic_version as semver  # type: ignore[import-untyped]  # it has none
from attrs import field, frozen

from pushpaka_core.detection.node.versions import as_range
from pushpaka_core.errors import BuildError

Version = tuple[int, int, int]

_ZERO: Version = (0, 0, 0)
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
        wanted = as_range(text)
        if wanted is None:
            raise ValueError(f"{text[:100]!r} is no range of versions.")
        intervals = _intervals(semver.NpmSpec(wanted).clause)
        return cls(
            text, sorted(intervals, reverse=True, key=lambda each: (each.since, each.before or ()))
        )

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


def _intervals(clause: Any) -> Iterator[Interval]:
    """Yield the alternatives of a range, which the library has as clauses within clauses."""
    match clause:
        case semver.base.AnyOf(clauses=alternatives):
            for alternative in alternatives:
                yield from _intervals(alternative)
        case semver.base.AllOf(clauses=bounds):
            yield reduce(Interval.intersection, map(_bound, bounds))
        case semver.base.Range():
            yield _bound(clause)


def _bound(clause: Any) -> Interval:
    """Return one comparison as an interval; what comes before a release counts as the release."""
    target: Version = (clause.target.major, clause.target.minor, clause.target.patch)
    after = (*target[:2], target[2] + 1)
    return {
        ">": Interval(after),
        ">=": Interval(target),
        "<": Interval(before=target),
        "<=": Interval(before=after),
        "==": Interval(target, after),
    }[clause.operator]
