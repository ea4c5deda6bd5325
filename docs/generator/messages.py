"""The list of messages, from the places in the source where errors are raised."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from docs.generator.markdown import code
from docs.generator.modules import error_classes
from tests.docs.sentences import text_of

_SOURCE = Path(__file__).parents[2] / "src"
_NOT_MET = ("testing", "memory", "migrations")
"""Parts that no operator and no user ever meets."""
_OF_CLICK: Mapping[str, str] = {
    "UsageError": "The command was called in a way that it does not know.",
    "ClickException": "The command could not do what it was asked for.",
}


def messages(_words: str = "") -> str:
    """Return a section for each kind of error, with all that is said by it."""
    kinds = {**{kind.__name__: kind.__doc__ or "" for kind in error_classes()}, **_OF_CLICK}
    found: dict[str, set[str]] = defaultdict(set)
    for name, sentence in _raised(kinds):
        found[name].add(sentence)
    return "\n\n".join(_section(name, kinds[name], sorted(found[name])) for name in sorted(found))


def _section(name: str, about: str, sentences: Sequence[str]) -> str:
    told = "\n".join(f"- {code(sentence)}" for sentence in sentences)
    first, _, _ = about.partition("\n\n")
    return f"## {name}\n\n{' '.join(first.split())}\n\n{told}"


def _raised(kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for file in sorted(_SOURCE.rglob("*.py")):
        if not set(_NOT_MET) & set(file.relative_to(_SOURCE).parts):
            for call in ast.walk(ast.parse(file.read_text())):
                if isinstance(call, ast.Call) and (name := _name(call.func)) in kinds:
                    yield from ((name, text) for text in map(_sentence, call.args) if text)


def _name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _sentence(node: ast.AST) -> str | None:
    """Return a sentence with … for what is put into it; None where nothing is said here."""
    text = text_of(node) or ""
    return " ".join(text.replace("`", "'").split()) if text.count(" ") > 2 else None
