"""The texts that an expression in the source can have, with … for values that differ."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice, product
from pathlib import Path

from attrs import define, evolve, field, frozen

ROOT = Path(__file__).parents[2] / "src"
VALUE = "…"
_MAX_TEXTS = 50
_MIN_SPACES = 2
_PLACEHOLDER = re.compile(r"\{\w*\}")


@define(slots=False, eq=False)
class Module:
    """A module of the source."""

    tree: ast.Module

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """The modules of imported names, including imports within functions."""
        return {
            alias.name: node.module
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    @cached_property
    def functions(self) -> Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions and methods by name."""
        return {
            node.name: node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """The classes by name."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}


@cache
def module_in(file: Path) -> Module:
    """Return the module in *file*."""
    return Module(ast.parse(file.read_text()))


def _module_named(name: str) -> Module | None:
    file = ROOT / f"{name.replace('.', '/')}.py"
    return module_in(file) if file.is_file() else None


@frozen
class Scope:
    """Resolves the expressions of a function, or those at the top of a module."""

    module: Module
    function: ast.AST | None = None
    arguments: Mapping[str, Sequence[str]] = field(factory=dict)
    _seen: frozenset[str] = frozenset()
    """The names that are being resolved. They are not resolved again."""

    def texts(self, node: ast.AST | None) -> Sequence[str]:
        """Return the texts that *node* can have, or none if they are unknown."""
        found: Sequence[str]
        match node:
            case ast.Constant(value=str() as text):
                found = [text]
            case ast.JoinedStr(values=values):
                found = _combined(map(self._inserted, values))
            case ast.BinOp(left=left, right=right):
                found = _combined([self.texts(left), self.texts(right)])
            case ast.Name(id=name):
                found = self._named(name)
            case ast.Call(func=ast.Attribute(value=value, attr="format")):
                found = [_PLACEHOLDER.sub(VALUE, text) for text in self.texts(value)]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name != "next":
                found = self._returned(name, node)
            case _:
                found = [text for other in _alternatives(node) for text in self.texts(other)]
        return found

    def _inserted(self, node: ast.expr) -> Sequence[str]:
        """Return the texts of a part of an f-string. Only sentences are inserted."""
        if not isinstance(node, ast.FormattedValue):
            return self.texts(node)
        return [text for text in self.texts(node.value) if _is_sentence(text)] or [VALUE]

    def _named(self, name: str) -> Sequence[str]:
        if name in self.arguments:
            return self.arguments[name]
        if name in self._seen:
            return ()
        inner = evolve(self, seen=self._seen | {name})
        if self.function and (found := list(_values(ast.walk(self.function), name))):
            return [text for node in found for text in inner.texts(node) or self._looped(node)]
        if found := list(_values(self.module.tree.body, name)):
            return [text for node in found for text in inner.texts(node)]
        origin = _module_named(self.module.origins.get(name, ""))
        return Scope(origin).texts(ast.Name(name)) if origin else ()

    def _looped(self, collection: ast.expr) -> Sequence[str]:
        """Return the sentences of a constant collection of the module."""
        name = ast.unparse(collection).removesuffix(".items()")
        return [
            node.value
            for constant in _values(self.module.tree.body, name)
            for node in ast.walk(constant)
            if isinstance(node, ast.Constant)
            if isinstance(node.value, str) and node.value.endswith(".")
        ]

    def _returned(self, name: str, call: ast.Call) -> Sequence[str]:
        """Return the texts that a function returns, or none if it is not in the source."""
        module = self.module
        if name not in module.functions:
            module = _module_named(module.origins.get(name, "")) or module
        function = module.functions.get(name)
        if function is None or name in self._seen:
            return ()
        names = [each.arg for each in function.args.args if each.arg != "self"]
        arguments = dict(zip(names, map(self.texts, call.args), strict=False))
        inner = Scope(module, function, arguments, self._seen | {name})
        returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
        return [text for node in returns for text in inner.texts(node.value)]


def _alternatives(node: ast.AST | None) -> Sequence[ast.AST]:
    """Return the expressions whose values an expression can have."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.BoolOp(values=values) | ast.Call(func=ast.Name(id="next"), args=values):
            return values
        case ast.Await(value=value) | ast.GeneratorExp(elt=value):
            return [value]
    return []


def _values(nodes: Iterable[ast.AST], name: str) -> Iterator[ast.expr]:
    """Yield the values that are assigned to a variable, and the collections it loops over."""
    for node in nodes:
        match node:
            case (
                ast.Assign(targets=[target], value=ast.expr() as value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.NamedExpr(target=target, value=value)
                | ast.For(target=target, iter=value)
                | ast.comprehension(target=target, iter=value)
            ):
                if name in {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}:
                    yield value


def _is_sentence(text: str) -> bool:
    return text.strip().count(" ") >= _MIN_SPACES and not text.strip()[0].islower()


def _combined(parts: Iterable[Sequence[str]]) -> Sequence[str]:
    return ["".join(texts) for texts in islice(product(*parts), _MAX_TEXTS)]
