"""Regular expressions for untrusted text take linear time."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.machine.processor_time import limit_processor_time

SOURCE = Path(__file__).parents[3] / "src"
_READERS = ("pushpaka_core/detection", "pushpaka_core/domain", "pushpaka_core/images")
_ADAPTERS = tuple(f"pushpaka_core/adapters/{name}" for name in ("docker", "git", "process"))
_LOOK_ROUND = frozenset({"search", "sub", "split", "findall", "finditer"})
_CHARACTERS = 100_000
_SECONDS = 5
"""The limit of CPU seconds. Most patterns take 10 ms, and a quadratic one almost a minute."""
_BOUNDED = {
    "adapters/git/source.py": r"(\d+)\.(\d+)",
    "adapters/process/toolchains/toolchains.py": r"(?:^|[;&|(\n])\s*(?:\w+=",
    "adapters/docker/progress.py": r"(?:--mount=",
    "detection/python/version_constraints.py": r"(?P<operator>",
    "images/version_ranges.py": r"\s*,\s*",
}
"""The beginnings of patterns that are only used for short text, or for output of host programs."""

Use = tuple[str, Callable[[str], object]]


def _modules() -> list[str]:
    files = (file for place in (*_READERS, *_ADAPTERS) for file in (SOURCE / place).rglob("*.py"))
    return sorted(str(file.relative_to(SOURCE / "pushpaka_core")) for file in files)


@pytest.mark.parametrize("file", _modules())
def test_regular_expressions_take_linear_time(file: str) -> None:
    bounded = _BOUNDED.get(file, "\0")

    for pattern, use in _uses(SOURCE / "pushpaka_core" / file):
        for pump in _pumps(pattern):
            if not pattern.startswith(bounded):
                with limit_processor_time(_SECONDS):
                    _try(use, pump, _CHARACTERS)


def _uses(file: Path) -> Iterator[Use]:
    """Yield each pattern in a module, with a function that matches text as the module does."""
    text = file.read_text()
    name = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
    for key, value in vars(import_module(name.removesuffix(".__init__"))).items():
        patterns = value if isinstance(value, tuple | list) else (value,)
        looks_round = bool(_LOOK_ROUND & {*re.findall(rf"\b{key}\.(\w+)", text)})
        for pattern in patterns:
            if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                is_whole = not looks_round and f"{key}." in text
                yield pattern.pattern, pattern.fullmatch if is_whole else _find_all_with(pattern)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=attribute),
                args=[ast.Constant(value=str(written)), *_],
            ) if attribute in _LOOK_ROUND:
                yield written, _find_all_with(re.compile(written))


def _find_all_with(pattern: re.Pattern[str]) -> Callable[[str], object]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


def _pumps(pattern: str) -> Iterable[str]:
    """Return pieces of text that nearly match a pattern when they are repeated."""
    plain = re.sub(r"\(\?[a-z]+\)|\(\?P<\w+>|\(\?[:=!<]+|\\[sSwWdDbBAZ]|\[[^\]]*\]", " ", pattern)
    words = re.findall(r"[^\s()|?*+^$]+", plain.replace("\\", ""))
    return dict.fromkeys((" ", "\n", " \n", "a", "0", "a ", *words[:8]))


def _try(use: Callable[[str], object], pump: str, characters: int) -> None:
    text = pump * (characters // len(pump))
    use(text)
    use(f"{text}\x01")
