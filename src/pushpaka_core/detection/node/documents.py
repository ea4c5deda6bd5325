"""JavaScript, and JSON with comments, as far as detection has to understand them."""

import re
from collections.abc import Mapping, Sequence
from posixpath import join, normpath

from pushpaka_core.detection.documents import parse_json
from pushpaka_core.detection.tree import FileTree

_MOST_CODE = 100_000
_SCRIPT_ENDINGS = ("ts", "mts", "cts", "js", "mjs", "cjs")
_NOT_CODE = re.compile(
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
"""A plain path, or one that starts from the directory of the configuration itself."""


def read_relaxed_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """Return the same for tools that allow comments and trailing commas."""
    text = tree.read(path)
    return parse_json(
        path, None if text is None else _TRAILING_COMMA.sub("", without_comments(text))
    )


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
    value = _path_value(code, key)
    return _path_in(value) if value else None


def placed_path(code: str, key: str, root: str) -> str | None:
    """Return the same as seen from the configuration: a plain path starts from *root*."""
    value = _path_value(code, key)
    if value is None:
        return None
    return normpath(join("." if value["own"] else root, _path_in(value).lstrip("/")))


def _path_value(code: str, key: str) -> re.Match[str] | None:
    keys = re.finditer(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:""", code)
    return next(filter(None, (_PATH_VALUE.match(code, one.end()) for one in keys)), None)


def _path_in(value: re.Match[str]) -> str:
    """Return the path, joined where it is given in parts."""
    parts: list[str] = re.findall(_TEXT, value["more"]) if value["own"] else []
    return str(join(*(part[1:-1] for part in (value["path"], *parts))))


def setting(code: str, key: str, *values: str) -> bool:
    """Tell whether *code* gives *key* one of *values*, quoted or not."""
    wanted = "|".join(map(re.escape, values))
    return bool(
        re.search(rf"""(?<![\w.$-])["']?{re.escape(key)}["']?\s*:\s*["'`]?(?:{wanted})\b""", code)
    )
