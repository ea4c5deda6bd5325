"""The catalog of messages, from the places in the source that create them."""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from itertools import chain

from docs.generator.literals import ROOT, VALUE, Module, Scope, module_in
from docs.generator.markdown import code, prose, table
from docs.generator.python_api import error_classes

from pushpaka_core import errors
from pushpaka_core.errors import PushpakaError
from pushpaka_http.errors import CODES, HOST_NOT_ALLOWED, HTTP_MESSAGES, HostNotAllowedError

_COMMANDS = "commands"
"""The kind of all errors that end a command."""
_HIDDEN = {"testing", "memory", "migrations"}
"""Packages whose messages neither operators nor users see."""
_DESCRIBED = {"pushpaka_http", "images", "repository_file", "settings"}
"""Packages whose other sentences describe options and fields, or are comments of files."""
_LOGGERS = {"logger", "access_log"}
_LEVELS = {"exception": "error"}
"""The level of each method of a logger that is not named for its level."""
_MIN_SPACES = 3
_END_OF_FACT = re.compile(r"(?<=[.)?]) (?=[A-Z`])")
_FIELD_PROBLEM = re.compile(
    r"(must (be|begin|contain|have|name|not|start|use)|can (be|have) at most|"
    r"(cannot be added|is reserved|is too large):) .+"
)
_REMEDIES = dict(re.findall(r"(\w+Error) {2,}(.+)", errors.__doc__ or ""))
"""What the caller can do about each error, from the tree in the docstring of `errors`."""


def api_errors(_words: str = "") -> str:
    """Return a row for each error code of the HTTP API."""
    rows = [
        (status, name, _linked_summary(kind), f"{_REMEDIES[kind.__name__].capitalize()}.")
        for kind, (status, name) in CODES.items()
    ]
    other = {
        **HTTP_MESSAGES,
        HTTPStatus(HostNotAllowedError.status_code): (
            HostNotAllowedError(VALUE).detail,
            HOST_NOT_ALLOWED,
        ),
    }
    rows += [(status, name, *_row(text)) for status, (text, name) in other.items()]
    return table(
        ["Status", "Code", "Error", "Remedy"],
        [(str(status.value), code(name), *rest) for status, name, *rest in sorted(rows)],
    )


def messages(_words: str = "") -> str:
    """Return a section for each error class of the core."""
    return "\n\n".join(
        f"### {kind.__name__}\n\n{_summary(kind)}{_status(kind)}\n\n{_table(texts)}"
        for kind in error_classes()
        if kind.__module__ == errors.__name__ and (texts := _messages().get(kind.__name__))
    )


def command_messages(_words: str = "") -> str:
    """Return a row for each message that ends a command."""
    return _table(_messages()[_COMMANDS])


def field_messages(_words: str = "") -> str:
    """Return a row for each problem of a single field."""
    found = {
        text
        for module in _modules()
        for node in _literals(module.tree)
        for text in map(_normalized, Scope(module).texts(node))
        if _FIELD_PROBLEM.fullmatch(text)
    }
    return _table(found)


def log_messages(_words: str = "") -> str:
    """Return a row for each message of the server log."""
    return table(["Message", "Level"], sorted((code(text), level) for text, level in _logged()))


def other_messages(_words: str = "") -> str:
    """Return a row for each other sentence of the core and of the worker."""
    listed = "\n".join([*chain.from_iterable(_messages().values()), *dict(_logged())])
    found = {
        text
        for module in _modules(_HIDDEN | _DESCRIBED)
        for node in _literals(module.tree)
        for text in map(_normalized, Scope(module).texts(node))
        if text.count(" ") >= _MIN_SPACES and text.endswith(".") and not text[0].islower()
        if text not in listed and "{" not in text
    }
    return _table(found)


def _logged() -> Collection[tuple[str, str]]:
    """Return the messages of the server log, each with its level."""
    return {
        (_normalized(text), _LEVELS.get(method, method))
        for module in _modules()
        for call, scope, _ in _calls(module)
        for logger, _, method in [ast.unparse(call.func).rpartition(".")]
        if logger in _LOGGERS and method != "log"
        for text in scope.texts(call.args[0])
        if len(text.split()) > 1
    }


def _summary(kind: type[Exception]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _linked_summary(kind: type[Exception]) -> str:
    name = kind.__name__
    return f"[{_summary(kind)}](#{name.lower()})" if name in _messages() else _summary(kind)


def _status(kind: type[PushpakaError]) -> str:
    """Return the HTTP status and code of an error class, or nothing if it has none."""
    found = next((CODES[each] for each in kind.__mro__ if each in CODES), None)
    return f" HTTP status {found[0].value}, code {code(found[1])}." if found else ""


def _table(texts: Iterable[str]) -> str:
    ordered = sorted(texts, key=lambda text: text.lstrip(f"{VALUE} ").lower())
    return table(["Message", "Remedy"], map(_row, ordered))


def _row(text: str) -> tuple[str, str]:
    """Split a message into the fact, and the advice that follows."""
    fact, *advice = _END_OF_FACT.split(text, maxsplit=1)
    return code(fact.replace("`", "'")), prose(" ".join(advice))


@cache
def _messages() -> Mapping[str, Iterable[str]]:
    """Return the messages by the name of their error class, or by `_COMMANDS`."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in _modules():
        for call, scope, owner in _calls(module):
            kind = _kind(call, module, owner)
            for text in (_normalized(text) for node in call.args for text in scope.texts(node)):
                if kind and text.count(" ") >= _MIN_SPACES and _is_complete(text, kind):
                    found[kind].add(text)
    return {kind: _without_suffixes(texts) for kind, texts in found.items()}


def _is_complete(text: str, kind: str) -> bool:
    """Return False for the arguments from which an error builds its message."""
    if kind == _COMMANDS:
        return not text[0].islower()
    return text.endswith((".", ")", VALUE))


def _without_suffixes(texts: Iterable[str]) -> Iterable[str]:
    """Return *texts* without those that only add the message of a program in parentheses."""
    kept = set(texts)
    return {text for text in kept if text.rpartition(" (")[0] not in kept}


def _modules(hidden: Collection[str] = _HIDDEN) -> Iterator[Module]:
    for file in sorted(ROOT.rglob("*.py")):
        if not set(file.relative_to(ROOT).parts) & set(hidden):
            yield module_in(file)


def _literals(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the string literals of a module, except docstrings and parts of f-strings."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield node
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            pending += ast.iter_child_nodes(node)


def _calls(module: Module) -> Iterator[tuple[ast.Call, Scope, str]]:
    """Yield the calls of a module, each with its scope and the name of its class."""
    pending: list[tuple[ast.AST, ast.AST | None, str]] = [(module.tree, None, "")]
    while pending:
        node, function, owner = pending.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                function = node
            case ast.ClassDef(name=name):
                owner = name
            case ast.Call():
                yield node, Scope(module, function), owner
        pending += [(child, function, owner) for child in ast.iter_child_nodes(node)]


def _kind(call: ast.Call, module: Module, owner: str) -> str | None:
    """Return the error class of the core that a call creates, `_COMMANDS`, or None."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "__init__":
        name = owner
    if name in module.classes and not hasattr(errors, name):
        return _kind_of_bases(module.classes[name], module)
    if name in {"ClickException", "UsageError"}:
        return _COMMANDS
    if module.origins.get(name, "").startswith("pushpaka_http"):
        return _COMMANDS if name.endswith("Error") else None
    return name if isinstance(getattr(errors, name, None), type) else None


def _kind_of_bases(definition: ast.ClassDef, module: Module) -> str | None:
    bases = [ast.unparse(base) for base in definition.bases]
    known = [base for base in bases if module.origins.get(base) == errors.__name__]
    if not known:
        return None
    return _COMMANDS if known[0] == PushpakaError.__name__ else known[0]


def _normalized(text: str) -> str:
    return " ".join(text.split())
