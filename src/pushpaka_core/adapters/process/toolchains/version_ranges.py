"""Version ranges of Node projects, in npm's syntax."""

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
    """A half-open interval of versions: `since` is included, `before` is not."""

    since: Version = _ZERO
    before: Version | None = None

    @property
    def for_npm(self) -> str:
        """The interval in npm's syntax."""
        return " ".join(self._bounds)

    @property
    def for_python(self) -> str:
        """The interval as a Python version specifier."""
        return ",".join(self._bounds)

    def __contains__(self, version: Version) -> bool:
        return self.since <= version and (self.before is None or version < self.before)

    def intersection(self, other: Self) -> Self:
        """Return the versions that are in both intervals."""
        ends = [end for end in (self.before, other.before) if end is not None]
        return type(self)(max(self.since, other.since), min(ends, default=None))

    @property
    def _bounds(self) -> Sequence[str]:
        since = f">={format_version(self.since)}"
        return [since] if self.before is None else [since, f"<{format_version(self.before)}"]


@frozen
class VersionRange:
    """A version range and the intervals it consists of."""

    text: str
    intervals: Sequence[Interval] = field(repr=False)
    """The intervals, in descending order."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Parse a version range of package.json.

        Raises:
            ValueError: If it is not a version range.
        """
        normalized = as_range(text)
        if normalized is None:
            raise ValueError(f"{text[:100]!r} is not a version range.")
        intervals = _intervals(semver.NpmSpec(normalized).clause)
        return cls(
            text, sorted(intervals, reverse=True, key=lambda each: (each.since, each.before or ()))
        )

    def __contains__(self, version: Version) -> bool:
        return any(version in interval for interval in self.intervals)


def parse_range(program: str, text: str) -> VersionRange:
    """
    Parse the version range that a project requests for *program*.

    Raises:
        BuildError: If it is not a version range.
    """
    try:
        return VersionRange.parse(text)
    except ValueError:
        raise BuildError(
            f"The application requires {program} {text[:100]!r}, which is not a version range."
            " Use a range such as 22, >=20 or ^20.9."
        ) from None


def parse_version(text: str) -> Version | None:
    """Parse a version as programs print it, or return None."""
    match = _VERSION.match(text.strip())
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def format_version(version: Version) -> str:
    """Return the version as a string."""
    return ".".join(map(str, version))


def _intervals(clause: Any) -> Iterator[Interval]:
    """Yield the alternatives of a range, which the library returns as nested clauses."""
    match clause:
        case semver.base.AnyOf(clauses=alternatives):
            for alternative in alternatives:
                yield from _intervals(alternative)
        case semver.base.AllOf(clauses=bounds):
            yield reduce(Interval.intersection, map(_comparison_interval, bounds))
        case semver.base.Range():
            yield _comparison_interval(clause)


def _comparison_interval(clause: Any) -> Interval:
    """Return a comparison as an interval. A pre-release counts as its release."""
    target: Version = (clause.target.major, clause.target.minor, clause.target.patch)
    after = (*target[:2], target[2] + 1)
    return {
        ">": Interval(after),
        ">=": Interval(target),
        "<": Interval(before=target),
        "<=": Interval(before=after),
        "==": Interval(target, after),
    }[clause.operator]
