"""Reads untrusted JSON payloads, and reports the path of each invalid value."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

from attrs import frozen

from pushpaka_core.domain.projects.repository_urls import check_commit_sha
from pushpaka_core.errors import InvalidInputError

MAX_PATHS = 20_000
"""The maximum number of changed files of a push that are compared with patterns."""


@frozen
class Payload:
    """
    A JSON object in a payload.

    All methods that return a value raise InvalidInputError if the value is missing or has another
    type. The error names the path of the value.
    """

    _values: Mapping[str, Any]
    _path: str = ""

    @classmethod
    def read(cls, body: bytes) -> Self:
        """
        Parse *body* as a JSON object.

        Raises:
            InvalidInputError: If *body* is not a JSON object.
        """
        try:
            values = json.loads(body)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            problem = (
                "must be a JSON object. Set the content type of the webhook to application/json"
            )
            raise InvalidInputError({"body": problem})
        return cls(values)

    def has(self, name: str) -> bool:
        """Return True if *name* has a value other than null."""
        return self._values.get(name) is not None

    def nested_object(self, name: str) -> Self:
        """Return the object *name*."""
        return type(self)(self._value(name, dict, "an object"), self._path_of(name))

    def objects(self, name: str) -> Iterator[Self]:
        """Yield the objects in the list *name*."""
        for index, each in enumerate(self._value(name, list, "a list")):
            if not isinstance(each, dict):
                raise self._type_error(f"{name}.{index}", "an object")
            yield type(self)(each, self._path_of(f"{name}.{index}"))

    def string(self, name: str) -> str:
        """Return the string *name*."""
        text: str = self._value(name, str, "a string")
        return text

    def strings(self, name: str) -> Iterator[str]:
        """Yield the strings in the list *name*. Yield nothing if the list is missing."""
        if not self.has(name):
            return
        for each in self._value(name, list, "a list"):
            if not isinstance(each, str):
                raise self._type_error(name, "a list of strings")
            yield each

    def number(self, name: str) -> int:
        """Return the non-negative integer *name*."""
        number: int = self._value(name, int, "a whole number")
        if isinstance(number, bool) or not 0 <= number < 2**53:
            raise self._type_error(name, "a whole number")
        return number

    def flag(self, name: str) -> bool:
        """Return True if *name* is true. A missing value counts as false."""
        return self._values.get(name) is True

    def commit(self, name: str) -> str:
        """Return the commit hash *name*, full or abbreviated."""
        text = self.string(name)
        try:
            check_commit_sha(text)
        except ValueError as error:
            raise InvalidInputError({self._path_of(name): str(error)}) from None
        return text

    def _value(self, name: str, kind: type, expected: str) -> Any:
        value = self._values.get(name)
        if not isinstance(value, kind):
            raise self._type_error(name, expected)
        return value

    def _type_error(self, name: str, expected: str) -> InvalidInputError:
        return InvalidInputError({self._path_of(name): f"must be {expected}"})

    def _path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def branch_in(ref: str) -> str | None:
    """Return the branch name of a Git ref, or None for tags and other refs."""
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None


def changed_paths(commits: Iterator[Payload]) -> frozenset[str] | None:
    """Return the files that *commits* change, or None if there are more than MAX_PATHS."""
    paths: set[str] = set()
    for commit in commits:
        for kind in ("added", "modified", "removed"):
            paths.update(commit.strings(kind))
        if len(paths) > MAX_PATHS:
            return None
    return frozenset(paths)
