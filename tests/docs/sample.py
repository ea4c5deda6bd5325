"""
Prints docstrings, names, messages or sentences drawn at random.

`python -m tests.docs.sample names --seed 1` draws names. A reader who has not seen the code decides
whether each is clear. The same seed and source always give the same sample. Sentences come in equal
parts from the README, the docs, the command line, the messages and the dashboard.
"""

import ast
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import TypeAlias

import click
from tests.docs.sentences import text_of

from pushpaka_http.cli.entry import pushpaka

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests")
DASHBOARD = ROOT / "src/pushpaka_http/dashboard/page"
Found: TypeAlias = Iterator[tuple[int, str]]
"""Texts with their line numbers."""
Placed: TypeAlias = Iterator[tuple[str, str]]
"""Texts with their file and line, or with their command."""

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_NOT_PROSE = re.compile(
    r"^ *```.*?^ *```|<!--.*?-->|^#.*?$|!\[[^]]*\]\([^)]*\)", re.DOTALL | re.MULTILINE
)
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) |(?<!\\)\|")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\[])")
_INLINE_CODE = re.compile(r"`[^`]*`")
_JS_COMMENT = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)
_JS_INLINE = re.compile(r"</?(?:a|b|code|em|strong)\b[^<>]*>")
_JS_TEXT = re.compile(r""""(\w[^"\n]*)"|`(\w[^`<>]*)`|>([^<>`;]+)<""")
_WORD = re.compile(r"[A-Za-z]{2,}")
_MIN_WORDS = 4


def docstrings(module: ast.Module) -> Found:
    """Yield the docstrings of a module, its classes, functions and attributes, with their names."""
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        named = getattr(node, "name", "module")
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    yield statement.lineno, f"{named}: {text.strip()}"
                case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                    named = ast.unparse(target)


def names(module: ast.Module) -> Found:
    """Yield the names of classes, functions and parameters, each preceded by its kind."""
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(name=name):
                yield node.lineno, f"class {name}"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, f"{'test' if name.startswith('test_') else 'function'} {name}"
                yield from _parameters(node)


def _parameters(function: _Function) -> Found:
    arguments = function.args
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if each.arg not in {"self", "cls"}:
            yield each.lineno, f"parameter {each.arg} of {function.name}"


def messages(module: ast.Module) -> Found:
    """Yield the texts of errors and log calls that have at least two words."""
    for node in ast.walk(module):
        match node:
            case ast.Raise(exc=ast.Call(args=arguments, keywords=keywords)):
                texts = [
                    text_of(each) or "" for each in (*arguments, *(one.value for one in keywords))
                ]
            case ast.Call(func=ast.Attribute(attr=method), args=[first, *_]) if (
                method in _LOG_METHODS
            ):
                texts = [text_of(first) or ""]
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"),
                args=arguments,
            ):
                texts = [text_of(each) or "" for each in arguments]
            case _:
                continue
        yield from ((node.lineno, text) for text in texts if len(_WORD.findall(text)) > 1)


KINDS: Mapping[str, Callable[[ast.Module], Found]] = {
    "docstrings": docstrings,
    "names": names,
    "messages": messages,
}


def python_texts(kind: str, *folders: str) -> Placed:
    """Yield the texts of *kind* in the modules below *folders*."""
    for file in sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for line, text in KINDS[kind](ast.parse(file.read_bytes())):
            yield f"{file.relative_to(ROOT)}:{line}", text


def page_sentences(*pages: Path) -> Placed:
    """Yield the sentences of Markdown pages, without code and headings."""
    for page in sorted(pages):
        text = _NOT_PROSE.sub(lambda found: "\n" * (found[0].count("\n") + 2), page.read_text())
        for paragraph in _PARAGRAPH_END.split(text):
            for each in _sentences(paragraph):
                if each.rstrip("*)")[-1] in ".?!:":
                    yield str(page.relative_to(ROOT)), each


def help_sentences(command: click.Command, path: str = "pushpaka") -> Placed:
    """Yield the sentences in the help of a command, its options and its subcommands."""
    options = [one.help or "" for one in command.params if isinstance(one, click.Option)]
    for text in (command.help or "", *options):
        for paragraph in text.split("\n\n"):
            if not paragraph.lstrip("\b\n ").startswith("Example"):
                yield from ((path, each) for each in _sentences(paragraph))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if subcommand := command.get_command(context, name):
                yield from help_sentences(subcommand, f"{path} {name}")


def dashboard_sentences() -> Placed:
    """Yield the sentences in the modules of the dashboard."""
    for file in sorted(DASHBOARD.rglob("*.js")):
        if "vendor" not in file.parts:
            code = _JS_INLINE.sub("", _JS_COMMENT.sub("", file.read_text()))
            for texts in _JS_TEXT.findall(re.sub(r"\$\{[^{}`]*\}", "…", code)):
                for each in _sentences("".join(texts)):
                    if re.match(r"[A-Z…](?!\d)", each):
                        yield str(file.relative_to(ROOT)), each


def _sentences(paragraph: str) -> Iterator[str]:
    text = " ".join(paragraph.split())
    # Replace inline code, so that a message in backticks is not split.
    masked = _INLINE_CODE.sub(lambda found: "`" + "x" * (len(found[0]) - 2) + "`", text)
    start = 0
    for end in [*(found.start() for found in _SENTENCE_END.finditer(masked)), len(text)]:
        sentence = text[start:end].strip()
        if len(sentence.split()) >= _MIN_WORDS:
            yield sentence
        start = end


SOURCES: Mapping[str, Callable[[], Placed]] = {
    "README": lambda: page_sentences(ROOT / "README.md"),
    "docs": lambda: page_sentences(
        *(page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts)
    ),
    "command line": lambda: help_sentences(pushpaka),
    "messages": lambda: python_texts("messages", "src"),
    "dashboard": dashboard_sentences,
}


def sample(kind: str, number: int, seed: int) -> Iterator[str]:
    """Yield *number* texts of *kind*, each below its location."""
    random = Random(seed)  # noqa: S311  # no secret
    sources = SOURCES if kind == "sentences" else {kind: lambda: python_texts(kind, *FOLDERS)}
    for name, source in sources.items():
        places = {text: place for place, text in source()}
        for text in random.sample(list(places), min(number // len(sources), len(places))):
            yield f"{name}: {places[text]}\n{text.strip()}\n\n"


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.docs.sample", description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "sentences"])
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    sys.stdout.writelines(sample(chosen.kind, chosen.number, chosen.seed))
