"""Judges pushpaka.toml key by key, so that all mistakes are told at once, each with its place."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import frozen

from pushpaka_core.detection.repository_file.keys import (
    BY_PATH,
    TABLES,
    WORDS_OF_OTHERS,
    Key,
    Kind,
)
from pushpaka_core.detection.repository_file.places import Path, Places
from pushpaka_core.detection.repository_file.values import check_scalar, complaint, members, read
from pushpaka_core.domain.frameworks import AUTO, canonical_framework
from pushpaka_core.domain.instances import PROCESS_TYPE, RELEASE, WEB

COMMANDS_OF_TYPES = {WEB: "commands.start", RELEASE: "commands.release"}
"""The keys that name the command of a process type."""


@frozen(order=True)
class Mistake:
    """What is wrong, and where."""

    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        """Return it as a line for a person."""
        return f"Line {self.line}, column {self.column}: {self.sentence}."


@frozen(kw_only=True)
class Reading:
    """One file while it is judged."""

    document: Mapping[str, Any]
    places: Places

    def values(self) -> dict[str, Any]:
        """Return what a file without mistakes says, by the paths of the keys."""
        entries = ((_dotted(path), value) for path, value in _entries(self.document))
        return {path: read(BY_PATH[path].kind, value) for path, value in entries}

    def mistakes(self) -> Iterator[Mistake]:
        """Yield all that is wrong."""
        sound: dict[str, Any] = {}
        for path, value in _entries(self.document):
            wrong = list(self._judged(path, value))
            yield from wrong
            if not wrong:
                sound[_dotted(path)] = value
        yield from self._contradictions(sound)

    def _judged(self, path: Path, value: object) -> Iterator[Mistake]:
        key = None if any("." in part for part in path) else BY_PATH.get(_dotted(path))
        if key is None:
            is_table = _dotted(path) in TABLES
            yield self._at_key(path, "must be a table" if is_table else _unknown(path))
            return
        try:
            named = members(key.kind, value)
        except ValueError as error:
            yield self._at_value(path, str(error))
            return
        for name, member in named:
            yield from self._member(key, path, name, member)

    def _member(self, key: Key, path: Path, name: str, value: object) -> Iterator[Mistake]:
        what = complaint(check_scalar(key, name), value)
        if key.kind is not Kind.PROCESSES:
            if what:
                yield self._at_value(path, f"(number {name}) {what}" if name else what)
            return
        if what:
            yield self._at_value((*path, name), what)
        if wrong_name := complaint(PROCESS_TYPE, name):
            yield self._at_key((*path, name), wrong_name)

    def _contradictions(self, sound: Mapping[str, Any]) -> Iterator[Mistake]:
        """Yield what cannot stand beside something else."""
        processes = sound.get("processes", {})
        for type_, path in COMMANDS_OF_TYPES.items():
            if type_ in processes and path in sound:
                yield self._at_key(("processes", type_), f"says the same as `{path}`: keep one")
        if "static.directory" in sound and ("commands.start" in sound or WEB in processes):
            what = "needs no command, but one is given: keep one"
            yield self._at_key(("static", "directory"), what)
        yield from self._other_images(sound)
        if {"static.fallback", "static.not_found"} <= sound.keys():
            what = "is never served beside a fallback: keep one"
            yield self._at_key(("static", "not_found"), what)

    def _other_images(self, sound: Mapping[str, Any]) -> Iterator[Mistake]:
        """Yield what is said of a Dockerfile where another way to build is named."""
        said = next((path for path in sound if path.startswith("docker.")), None)
        if said is None:
            return
        place, framework = ("docker", said.removeprefix("docker.")), sound.get("framework", AUTO)
        if canonical_framework(framework) not in {AUTO, "dockerfile"}:
            yield self._at_key(place, f"is never used with the framework {framework}: keep one")
        if "static.directory" in sound:
            yield self._at_key(place, "builds no files to serve as they are: keep one")

    def _at_key(self, path: Path, what: str) -> Mistake:
        place = self.places[path]
        return Mistake(place.line, place.key, f"`{_dotted(path)[:80]}` {what}")

    def _at_value(self, path: Path, what: str) -> Mistake:
        place = self.places[path]
        return Mistake(place.line, place.value, f"`{_dotted(path)[:80]}` {what}")


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield the keys with their values; a table that should be one is opened."""
    for name, value in table.items():
        if name in TABLES and isinstance(value, Mapping):
            yield from (((name, inner), said) for inner, said in value.items())
        else:
            yield (name,), value


def _dotted(path: Path) -> str:
    return ".".join(path)


def _unknown(path: Path) -> str:
    guess = _guess(path)
    return "is not a known key" + (f" (did you mean `{guess}`?)" if guess else "")


def _guess(path: Path) -> str | None:
    """Return the key that was probably meant: by others' words for it, or by its letters."""
    name = path[-1][:50]
    plain = "".join(filter(str.isalnum, name)).lower()
    words = {**WORDS_OF_OTHERS, **{_plain_end(key): key for key in BY_PATH}}
    if plain in words:
        return words[plain]
    return next(iter(get_close_matches(_dotted(path)[:80], [*BY_PATH, *TABLES], n=1)), None)


def _plain_end(path: str) -> str:
    return path.rsplit(".", maxsplit=1)[-1].replace("_", "")
