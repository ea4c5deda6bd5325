"""Payloads: JSON of strangers, read part by part, with errors that are ours."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

from attrs import frozen

from pushpaka_core.domain.repository_names import check_commit_sha
from pushpaka_core.errors import InvalidInputError

MOST_PATHS = 20_000
"""Changed files of one push; beyond it they are not told apart any more."""


@frozen
class Payload:
    """An object in a payload, which says where it is when something is wrong with it."""

    _values: Mapping[str, Any]
    _path: str = ""

    @classmethod
    def read(cls, body: bytes) -> Self:
        """
        Return the object that *body* is.

        Raises:
            InvalidInputError: If it is something else.
        """
        try:
            values = json.loads(body)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            problem = "must be a JSON object: choose application/json as the content type"
            raise InvalidInputError({"body": problem})
        return cls(values)

    def has(self, name: str) -> bool:
        """Tell whether there is something under *name*."""
        return self._values.get(name) is not None

    def part(self, name: str) -> Self:
        """Return the object under *name*."""
        return type(self)(self._value(name, dict, "an object"), self._place(name))

    def parts(self, name: str) -> Iterator[Self]:
        """Return the objects in the list under *name*."""
        for index, each in enumerate(self._value(name, list, "a list")):
            if not isinstance(each, dict):
                raise self._wrong(f"{name}.{index}", "an object")
            yield type(self)(each, self._place(f"{name}.{index}"))

    def text(self, name: str) -> str:
        """Return the text under *name*."""
        text: str = self._value(name, str, "a text")
        return text

    def texts(self, name: str) -> Iterator[str]:
        """Return the texts in the list under *name*; none where it is not there."""
        if not self.has(name):
            return
        for each in self._value(name, list, "a list"):
            if not isinstance(each, str):
                raise self._wrong(name, "a list of texts")
            yield each

    def number(self, name: str) -> int:
        """Return the whole number under *name*."""
        number: int = self._value(name, int, "a whole number")
        if isinstance(number, bool) or not 0 <= number < 2**53:
            raise self._wrong(name, "a whole number")
        return number

    def flag(self, name: str) -> bool:
        """Tell whether *name* is true; what is not there is not."""
        return self._values.get(name) is True

    def commit(self, name: str) -> str:
        """Return the hash of a commit under *name*, or its beginning."""
        text = self.text(name)
        try:
            check_commit_sha(text)
        except ValueError as error:
            raise InvalidInputError({self._place(name): str(error)}) from None
        return text

    def _value(self, name: str, kind: type, what: str) -> Any:
        value = self._values.get(name)
        if not isinstance(value, kind):
            raise self._wrong(name, what)
        return value

    def _wrong(self, name: str, what: str) -> InvalidInputError:
        return InvalidInputError({self._place(name): f"must be {what}"})

    def _place(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def branch_in(ref: str) -> str | None:
    """Return the branch that *ref* is, or None for tags and the like."""
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None


def changed_paths(commits: Iterator[Payload]) -> frozenset[str] | None:
    """Return the files that *commits* change, None where they are too many to be told apart."""
    paths: set[str] = set()
    for commit in commits:
        for kind in ("added", "modified", "removed"):
            paths.update(commit.texts(kind))
        if len(paths) > MOST_PATHS:
            return None
    return frozenset(paths)
