"""JavaScript, and JSON with comments, as far as detection has to understand them."""

import re
from collections.abc import Mapping, Sequence

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
_PATH_VALUE = re.compile(
    rf"""\s*(?:(?:path\.)?(?:resolve|join)\(\s*{_DIRNAME}\s*,\s*)?(?P<quote>['"`])(?P<path>[^'"`$\n]+)(?P=quote)"""
)


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
