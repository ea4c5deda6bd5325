"""Validates pushpaka.toml key by key, and collects all errors with their locations."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import frozen

from pushpaka_core.detection.repository_file.keys import (
    BY_PATH,
    MAX_ITEMS,
    NAMED_TABLES,
    SYNONYMS,
    TABLES,
    Key,
    Kind,
)
from pushpaka_core.detection.repository_file.places import KeyLocations, KeyPath
from pushpaka_core.detection.repository_file.value_types import (
    check_scalar,
    convert,
    members,
    validation_error,
)
from pushpaka_core.domain.instances.instances import (
    PROCESS_TYPE,
    RELEASE_PROCESS_TYPE,
    WEB_PROCESS_TYPE,
)
from pushpaka_core.domain.pipeline.frameworks import AUTO, canonical_framework
from pushpaka_core.domain.projects.health_checks import HealthCheck

COMMANDS_OF_TYPES = {WEB_PROCESS_TYPE: "commands.start", RELEASE_PROCESS_TYPE: "commands.release"}
"""The keys that set the commands of the process types `web` and `release`, by process type."""


@frozen(order=True)
class FileError:
    """One error, with its location."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """Return the error as one line of a message."""
        return f"Line {self.line}, column {self.column}: {self.message}."


@frozen(kw_only=True)
class RepositoryFileValidator:
    """Validates one pushpaka.toml."""

    document: Mapping[str, Any]
    key_locations: KeyLocations

    def values(self) -> dict[str, Any]:
        """Return the values of a valid file by dotted key."""
        return {
            _dotted_path(path): convert(BY_PATH[_pattern(path)].kind, value)
            for path, value in _entries(self.document)
        }

    def errors(self) -> Iterator[FileError]:
        """Yield all errors in the file."""
        valid: dict[str, Any] = {}
        for path, value in _entries(self.document):
            wrong = list(self._key_errors(path, value))
            yield from wrong
            if not wrong:
                valid[_dotted_path(path)] = value
        yield from self._named_table_errors()
        yield from self._conflicts(valid)

    def _key_errors(self, path: KeyPath, value: object) -> Iterator[FileError]:
        key = None if any("." in part for part in path) else BY_PATH.get(_pattern(path))
        if key is None:
            yield self._error_at_key(
                path,
                _not_a_table_message(path) if _is_table(path) else _unknown_key_message(path),
            )
            return
        try:
            named = members(key.kind, value)
        except ValueError as error:
            yield self._error_at_value(path, str(error))
            return
        for name, member in named:
            yield from self._member_errors(key, path, name, member)

    def _member_errors(
        self, key: Key, path: KeyPath, name: str, value: object
    ) -> Iterator[FileError]:
        message = validation_error(check_scalar(key, name), value)
        if key.kind is not Kind.PROCESSES:
            if message:
                yield self._error_at_value(path, f"(item {name}) {message}" if name else message)
            return
        if message:
            yield self._error_at_value((*path, name), message)
        if wrong_name := validation_error(PROCESS_TYPE, name):
            yield self._error_at_key((*path, name), wrong_name)

    def _named_table_errors(self) -> Iterator[FileError]:
        """Yield an error for each entry with an invalid name or without its required key."""
        for table, check_name in NAMED_TABLES.items():
            entries = self.document.get(table)
            if not isinstance(entries, Mapping):
                continue
            if len(entries) > MAX_ITEMS:
                yield self._error_at_key((table,), f"can have at most {MAX_ITEMS} entries")
            for name, settings in entries.items():
                if wrong_name := validation_error(check_name, name):
                    yield self._error_at_key((table, name), f"has an invalid name: it {wrong_name}")
                if isinstance(settings, Mapping) and "path" not in settings:
                    yield self._error_at_key((table, name), "must have the key `path`")

    def _conflicts(self, valid_values: Mapping[str, Any]) -> Iterator[FileError]:
        """Yield an error for each key that contradicts another one."""
        processes = valid_values.get("processes", {})
        for type_, path in COMMANDS_OF_TYPES.items():
            if type_ in processes and path in valid_values:
                yield self._error_at_key(
                    ("processes", type_), f"sets the same command as `{path}`. Keep one of them"
                )
        if "static.directory" in valid_values and (
            "commands.start" in valid_values or WEB_PROCESS_TYPE in processes
        ):
            message = "cannot be combined with a web command. Keep one of them"
            yield self._error_at_key(("static", "directory"), message)
        yield from self._dockerfile_conflicts(valid_values)
        if {"static.fallback", "static.not_found"} <= valid_values.keys():
            message = "cannot be combined with `static.fallback`. Keep one of them"
            yield self._error_at_key(("static", "not_found"), message)
        word = valid_values.get("health_check.type", HealthCheck.HTTP)
        if "health_check.path" in valid_values and not HealthCheck(word).uses_path:
            message = f"is not used with the type {word}. Keep one of them"
            yield self._error_at_key(("health_check", "path"), message)

    def _dockerfile_conflicts(self, valid_values: Mapping[str, Any]) -> Iterator[FileError]:
        """Yield an error for Dockerfile settings that contradict another way to build."""
        key = next((path for path in valid_values if path.startswith("docker.")), None)
        if key is None:
            return
        place, framework = (
            ("docker", key.removeprefix("docker.")),
            valid_values.get("framework", AUTO),
        )
        if canonical_framework(framework) not in {AUTO, "dockerfile"}:
            message = f"is not used with the framework {framework}. Keep one of them"
            yield self._error_at_key(place, message)
        if "static.directory" in valid_values:
            message = "cannot be combined with `static.directory`. Keep one of them"
            yield self._error_at_key(place, message)

    def _error_at_key(self, path: KeyPath, message: str) -> FileError:
        place = self.key_locations[path]
        return FileError(place.line, place.key, f"`{_dotted_path(path)[:80]}` {message}")

    def _error_at_value(self, path: KeyPath, message: str) -> FileError:
        place = self.key_locations[path]
        return FileError(place.line, place.value, f"`{_dotted_path(path)[:80]}` {message}")


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    """Yield keys with their values, descending into the known tables."""
    for name, value in table.items():
        if name not in TABLES or not isinstance(value, Mapping):
            yield (name,), value
            continue
        for key, member in value.items():
            if name in NAMED_TABLES and isinstance(member, Mapping):
                yield from (((name, key, inner), each) for inner, each in member.items())
            else:
                yield (name, key), member


def _pattern(path: KeyPath) -> str:
    """Return the path as in the table of keys, with "*" for the name of an entry."""
    return _dotted_path((path[0], "*", *path[2:]) if path[0] in NAMED_TABLES else path)


def _is_table(path: KeyPath) -> bool:
    """Return True if *path* is a known table, or an entry of a table whose keys users choose."""
    pattern = _pattern(path)
    return pattern in TABLES or pattern in {f"{table}.*" for table in NAMED_TABLES}


def _dotted_path(path: KeyPath) -> str:
    return ".".join(path)


def _not_a_table_message(path: KeyPath) -> str:
    keys = [f"`{key}`" for key in BY_PATH if key.startswith(f"{_pattern(path)}.")]
    return f"must be a table. Set {', '.join(keys)}"


def _unknown_key_message(path: KeyPath) -> str:
    guess = _suggestion(path)
    return "is not a known key" + (f" (did you mean `{guess}`?)" if guess else "")


def _suggestion(path: KeyPath) -> str | None:
    """Return the key that was probably meant, by a similar name or the name on another platform."""
    if path[0] in NAMED_TABLES:
        keys = {key.split(".")[-1] for key in BY_PATH if key.startswith(f"{path[0]}.")}
        return next(iter(get_close_matches(path[-1][:50], keys, n=1)), None)
    name = path[-1][:50]
    plain = "".join(filter(str.isalnum, name)).lower()
    known = [key for key in BY_PATH if "*" not in key]
    words = {**SYNONYMS, **{_normalized_name(key): key for key in known}}
    if plain in words:
        return words[plain]
    return next(iter(get_close_matches(_dotted_path(path)[:80], [*known, *TABLES], n=1)), None)


def _normalized_name(path: str) -> str:
    return path.rsplit(".", maxsplit=1)[-1].replace("_", "")
