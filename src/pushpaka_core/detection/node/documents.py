"""JSON, YAML and JavaScript that people wrote, as far as detection has to understand them."""

import json
import re
from collections.abc import Mapping, Sequence
from posixpath import join, normpath

import yaml

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import DetectionError

_MOST_CODE = 100_000
_MOST_YAML = 100_000
_SCRIPT_ENDINGS = ("ts", "mts", "cts", "js", "mjs", "cjs")
_NOT_CODE = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*(?:`|\Z))"""
    r"""|/\*.*?(?:\*/|\Z)|(?<!:)//[^\n]*""",
    re.DOTALL,
)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_DIRNAME = r"(?:__dirname|import\.meta\.dirname|process\.cwd\(\))"
_PATH_VALUE = re.compile(
    rf"""\s*(?:(?:path\.)?(?:resolve|join)\(\s*{_DIRNAME}\s*,\s*)?(?P<quote>['"`])(?P<path>[^'"`$\n]+)(?P=quote)"""
)


def inside(directory: str, path: str) -> str:
    """Return *path*, which is written in *directory*, as seen from the repository."""
    return normpath(join(directory, path))


def read_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the object in the file at *path*, empty where there is no file.

    Raises:
        DetectionError: If it is no JSON; the message holds line and column.
    """
    return _parsed(path, tree.read(path))


def read_relaxed_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """Return the same for tools that allow comments and trailing commas."""
    text = tree.read(path)
    return _parsed(path, None if text is None else _TRAILING_COMMA.sub("", without_comments(text)))


def read_yaml(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the mapping in the file at *path*, empty where there is no file.

    Raises:
        DetectionError: If it is no YAML; the message holds line and column.
    """
    text = tree.read(path) or ""
    if len(text) > _MOST_YAML:
        raise DetectionError(f"{path} is too large to be read. Make it shorter and push again.")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DetectionError(
            f"{path} is not valid YAML: {_yaml_problem(error)}. Mend the file and push again."
        ) from None
    return document if isinstance(document, dict) else {}


def read_script(tree: FileTree, stems: Sequence[str]) -> tuple[str, str] | None:
    """Return path and code, without comments, of the first configuration written as a program."""
    paths = (f"{stem}.{ending}" for stem in stems for ending in _SCRIPT_ENDINGS)
    path = next((path for path in paths if tree.exists(path)), None)
    return (path, without_comments((tree.read(path) or "")[:_MOST_CODE])) if path else None


def without_comments(code: str) -> str:
    """Return *code* without its comments; its lines keep their numbers."""
    return _NOT_CODE.sub(lambda match: match["text"] or "\n" * match[0].count("\n"), code)


def path_setting(code: str, key: str) -> str | None:
    """Return the path that *code* gives for *key*, where it stands there as plain text."""
    for match in re.finditer(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:""", code):
        if value := _PATH_VALUE.match(code, match.end()):
            return value["path"]
    return None


def setting(code: str, key: str, *values: str) -> bool:
    """Tell whether *code* gives *key* one of *values*, quoted or not."""
    wanted = "|".join(map(re.escape, values))
    return bool(
        re.search(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:\s*["'`]?(?:{wanted})\b""", code)
    )


def _parsed(path: str, text: str | None) -> Mapping[str, object]:
    if text is None:
        return {}
    try:
        document = json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _not_json(path, f"{error.msg} (at {place})") from None
    except RecursionError:
        raise _not_json(path, "it is nested too deeply") from None
    except ValueError:
        raise _not_json(path, "it holds a number that is too long") from None
    if not isinstance(document, dict):
        raise _not_json(path, "it must be an object (at line 1, column 1)")
    return document


def _not_json(path: str, problem: str) -> DetectionError:
    return DetectionError(f"{path} is not valid JSON: {problem}. Mend the file and push again.")


def _yaml_problem(error: Exception) -> str:
    match error:
        case yaml.MarkedYAMLError(problem=problem, problem_mark=mark) if mark:
            return f"{problem} (at line {mark.line + 1}, column {mark.column + 1})"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return " ".join(str(error).split())
