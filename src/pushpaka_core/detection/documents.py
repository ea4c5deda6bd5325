"""
Reads TOML, JSON and YAML files of a repository.

Syntax errors are reported with line and column. Values of an unexpected type are ignored.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from posixpath import join, normpath

import yaml

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import DetectionError

_OVERLONG_KEY = re.compile(
    r"""(?<![A-Za-z0-9_"'.-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}"""
)
"""
A dotted key of 100 parts or more. tomllib takes minutes to parse such a key, and no real file has
one.
"""

_MAX_YAML = 100_000


def read_toml(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the TOML document at *path*, or an empty mapping if there is no file.

    Raises:
        DetectionError: If the file is not valid TOML. The message has line and column.
    """
    text = tree.read(path) or ""
    if endless := _OVERLONG_KEY.search(text):
        line = text.count("\n", 0, endless.start()) + 1
        raise DetectionError(
            f"{path} has a dotted key with too many parts (at line {line}). Shorten it."
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        end = f"at line {text.count(chr(10)) + 1}, the last one"
        message = str(error).replace("at end of document", end)
        raise DetectionError(
            f"{path} is not valid TOML: {message}. Fix the file and push again."
        ) from None


def read_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the JSON object at *path*, or an empty mapping if there is no file.

    Raises:
        DetectionError: If the file is not valid JSON. The message has line and column.
    """
    return parse_json(path, tree.read(path))


def parse_json(path: str, text: str | None) -> Mapping[str, object]:
    """
    Parse *text*, the content of *path*, as a JSON object. None gives an empty mapping.

    Raises:
        DetectionError: If the text is not valid JSON or not an object.
    """
    if text is None:
        return {}
    try:
        document = json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _json_error(path, f"{error.msg} (at {place})") from None
    except RecursionError:
        raise _json_error(path, "the document is nested too deeply") from None
    except ValueError:
        raise _json_error(path, "a number is too long") from None
    if not isinstance(document, dict):
        raise _json_error(path, "the top level must be an object (at line 1, column 1)")
    return document


def read_yaml(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the YAML mapping at *path*, or an empty mapping if the file is missing or contains none.

    Raises:
        DetectionError: If the file is not valid YAML, or larger than 100,000 characters.
    """
    text = tree.read(path) or ""
    if len(text) > _MAX_YAML:
        raise DetectionError(f"{path} is longer than {_MAX_YAML:,} characters. Shorten it.")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DetectionError(
            f"{path} is not valid YAML: {_yaml_problem(error)}. Fix the file and push again."
        ) from None
    return document if isinstance(document, dict) else {}


def table_at(value: object, *keys: str) -> Mapping[str, object]:
    """Return the table at *keys* within *value*, or an empty one if there is no table."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def strings(value: object) -> tuple[str, ...]:
    """Return the strings in a list, or an empty tuple if *value* is not a list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def tables(value: object) -> tuple[Mapping[str, object], ...]:
    """Return the tables in a list, or an empty tuple if *value* is not a list."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def line_of(text: str, needle: str) -> int | None:
    """Return the number of the first line that contains *needle*, from 1, or None."""
    position = text.find(needle)
    return None if position < 0 else text.count("\n", 0, position) + 1


def first_matching_file(tree: FileTree, patterns: tuple[str, ...]) -> str | None:
    """
    Return the first file that matches one of *patterns*, or None. Earlier patterns win.

    A pattern with "*" matches only names in the top directory.
    """
    for pattern in patterns:
        if "*" not in pattern and tree.exists(pattern):
            return pattern
        if "*" in pattern:
            here = (path for path in tree.paths() if "/" not in path)
            if path := next((path for path in here if fnmatchcase(path, pattern)), None):
                return path
    return None


def repository_path(directory: str, path: str) -> str:
    """
    Convert *path*, which is relative to *directory*, to a path relative to
    the repository root.
    """
    return normpath(join(directory, path))


def _json_error(path: str, problem: str) -> DetectionError:
    return DetectionError(f"{path} is not valid JSON: {problem}. Fix the file and push again.")


def _yaml_problem(error: Exception) -> str:
    match error:
        case yaml.MarkedYAMLError(problem=problem, problem_mark=mark) if mark:
            return f"{problem} (at line {mark.line + 1}, column {mark.column + 1})"
        case RecursionError():
            return "the document is nested too deeply"
        case _:
            return " ".join(str(error).split())
