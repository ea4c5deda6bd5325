"""Reads settings from JavaScript code, and from JSON with comments."""

import re
from collections.abc import Mapping, Sequence
from posixpath import join, normpath

from pushpaka_core.detection.documents import parse_json
from pushpaka_core.detection.tree import FileTree

_MAX_CODE = 100_000
_SCRIPT_ENDINGS = ("ts", "mts", "cts", "js", "mjs", "cjs")
_STRING_OR_COMMENT = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*(?:`|\Z))"""
    r"""|/\*.*?(?:\*/|\Z)|(?<!:)//[^\n]*""",
    re.DOTALL,
)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_DIRNAME = r"(?:__dirname|import\.meta\.dirname|process\.cwd\(\))"
_TEXT = r"""['"`][^'"`$\n]+['"`]"""
_PATH_VALUE = re.compile(
    rf"""\s*(?P<own>(?:path\.)?(?:resolve|join)\(\s*{_DIRNAME}\s*,\s*|(?:path\.)?resolve\(\s*"""
    rf"""|(?:\w+\.)?(?:fileURLToPath\(\s*)?new\s+URL\(\s*)?"""
    rf"""(?P<path>{_TEXT})(?P<more>(?:\s*,\s*{_TEXT})*)"""
)
"""
Matches a plain path, or an expression that joins a path to the directory of the configuration
file.
"""


def read_relaxed_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the object in a JSON file that may have comments and trailing commas.

    Raises:
        DetectionError: If the file is invalid. The message includes the line and column.
    """
    text = tree.read(path)
    return parse_json(
        path, None if text is None else _TRAILING_COMMA.sub("", without_comments(text))
    )


def read_config_script(tree: FileTree, stems: Sequence[str]) -> tuple[str, str] | None:
    """
    Return the path of the first existing configuration file, and its code without comments, or None
    if there is no such file.
    """
    paths = (f"{stem}.{ending}" for stem in stems for ending in _SCRIPT_ENDINGS)
    path = next((path for path in paths if tree.exists(path)), None)
    return (path, without_comments((tree.read(path) or "")[:_MAX_CODE])) if path else None


def without_comments(code: str) -> str:
    """Return *code* without comments. Line numbers stay the same."""
    return _STRING_OR_COMMENT.sub(lambda match: match["text"] or "\n" * match[0].count("\n"), code)


def path_setting(code: str, key: str) -> str | None:
    """Return the path that *code* sets for *key*, or None unless the path is a plain string."""
    value = _path_value(code, key)
    return _joined_path(value) if value else None


def resolved_path_setting(code: str, key: str, root: str) -> str | None:
    """
    Return the path that *code* sets for *key*, relative to the configuration file, or None.

    A plain string in the code is relative to *root*.
    """
    value = _path_value(code, key)
    if value is None:
        return None
    return normpath(join("." if value["own"] else root, _joined_path(value).lstrip("/")))


def _path_value(code: str, key: str) -> re.Match[str] | None:
    keys = re.finditer(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:""", code)
    return next(filter(None, (_PATH_VALUE.match(code, one.end()) for one in keys)), None)


def _joined_path(value: re.Match[str]) -> str:
    """Return the path in a match of `_PATH_VALUE`, with all of its parts joined."""
    parts: list[str] = re.findall(_TEXT, value["more"]) if value["own"] else []
    return str(join(*(part[1:-1] for part in (value["path"], *parts))))


def has_setting(code: str, key: str, *values: str) -> bool:
    """Return True if *code* sets *key* to one of *values*, with or without quotes."""
    pattern = "|".join(map(re.escape, values))
    return bool(
        re.search(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:\s*["'`]?(?:{pattern})\b""", code)
    )
