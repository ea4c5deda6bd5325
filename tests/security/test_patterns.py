"""Patterns of ours meet texts of strangers: none takes a time that explodes with their length."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from time import process_time

import pytest

SOURCE = Path(__file__).parents[2] / "src"
_READERS = ("pushpaka_core/detection", "pushpaka_core/domain", "pushpaka_core/images")
_ADAPTERS = tuple(f"pushpaka_core/adapters/{name}" for name in ("docker", "git", "process"))
_LOOK_ROUND = frozenset({"search", "sub", "split", "findall", "finditer"})
_CHARACTERS = 10_000
_SECONDS = 0.2
"""A millisecond is usual; what goes through the rest at each place takes half a second and more."""
_BOUNDED = {
    "adapters/git/source.py": r"(\d+)\.(\d+)",
    "adapters/process/toolchains.py": r"(?:^|[;&|(\n])\s*(?:\w+=",
    "adapters/docker/progress.py": r"(?:--mount=",
    "detection/python/constraints.py": r"(?P<operator>",
    "images/ranges.py": r"\s*,\s*",
}
"""By how they begin: these meet a few thousand characters at most, or a program of the host's."""

Use = tuple[str, Callable[[str], object]]


def _modules() -> list[str]:
    files = (file for place in (*_READERS, *_ADAPTERS) for file in (SOURCE / place).rglob("*.py"))
    return sorted(str(file.relative_to(SOURCE / "pushpaka_core")) for file in files)


@pytest.mark.parametrize("file", _modules())
def test_no_pattern_of_ours_explodes(file: str) -> None:
    """Whatever the words of a pattern are, a text of nothing else is gone through at once."""
    bounded = _BOUNDED.get(file, "\0")

    slow = [
        (pattern, pump)
        for pattern, use in _uses(SOURCE / "pushpaka_core" / file)
        for pump in _pumps(pattern)
        if not pattern.startswith(bounded) and _seconds(use, pump) > _SECONDS
    ]

    assert [] == slow


@pytest.mark.parametrize("pattern", [r"(?m)^\s*x", r"(?:--mount=\S+\s+)+x"])
def test_what_explodes_is_seen(pattern: str) -> None:
    """A test that sees nothing would hold for everything."""
    assert max(_seconds(re.compile(pattern).search, pump) for pump in _pumps(pattern)) > 0.05


def _uses(file: Path) -> Iterator[Use]:
    """Yield the patterns of a module, with what it asks them."""
    text = file.read_text()
    name = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
    for key, value in vars(import_module(name.removesuffix(".__init__"))).items():
        patterns = value if isinstance(value, tuple | list) else (value,)
        looks_round = bool(_LOOK_ROUND & {*re.findall(rf"\b{key}\.(\w+)", text)})
        for pattern in patterns:
            if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                is_whole = not looks_round and f"{key}." in text
                yield pattern.pattern, pattern.fullmatch if is_whole else _all_of(pattern)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=attribute),
                args=[ast.Constant(value=str(written)), *_],
            ) if attribute in _LOOK_ROUND:
                yield written, _all_of(re.compile(written))


def _all_of(pattern: re.Pattern[str]) -> Callable[[str], object]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


def _pumps(pattern: str) -> Iterable[str]:
    """Return what a text can be made of that a pattern nearly fits, again and again."""
    plain = re.sub(r"\(\?[a-z]+\)|\(\?P<\w+>|\(\?[:=!<]+|\\[sSwWdDbBAZ]|\[[^\]]*\]", " ", pattern)
    words = re.findall(r"[^\s()|?*+^$]+", plain.replace("\\", ""))
    return dict.fromkeys((" ", "\n", " \n", "a", "0", "a ", *words[:8]))


def _seconds(use: Callable[[str], object], pump: str) -> float:
    text = pump * (_CHARACTERS // len(pump))
    began = process_time()
    use(text)
    use(f"{text}\x01")
    return process_time() - began
