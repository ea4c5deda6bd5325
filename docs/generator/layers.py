"""The drawing of the layers, from the contracts that imports are held to."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from docs.generator.drawing import BOX_HEIGHT, Box, arrow, drawing

_PYPROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"
_WIDTH, _APART, _GAP = 760, 62, 12
_LETTER = 7.4
_PART = re.compile(r"\s*[|:]\s*")


def layers(words: str) -> str:
    """Return the layers of the package that *words* name, the outermost above."""
    (contract,) = [
        contract
        for contract in contracts()
        if contract["type"] == "layers" and contract["containers"] == [words]
    ]
    rows = [_PART.split(layer.strip()) for layer in contract["layers"]]
    boxes = [box for index, row in enumerate(rows) for box in _row(row, index)]
    x = _WIDTH / 2
    arrows = [
        arrow([(x, _y(index) + BOX_HEIGHT / 2), (x, _y(index + 1) - BOX_HEIGHT / 2)])
        for index in range(len(rows) - 1)
    ]
    height = _y(len(rows) - 1) + BOX_HEIGHT
    title = f"The layers of {words}: {contract['name']}"
    return drawing(title, _WIDTH, height, [*arrows, *(box.svg() for box in boxes)])


def rules(_words: str = "") -> str:
    """Return what each contract says, as a list."""
    return "\n".join(f"- {contract['name']}." for contract in contracts()) + "\n"


@cache
def contracts() -> Sequence[Mapping[str, Any]]:
    """Return what import-linter is told."""
    tools = tomllib.loads(_PYPROJECT.read_text())["tool"]
    found: Sequence[Mapping[str, Any]] = tools["importlinter"]["contracts"]
    return found


def _row(names: Sequence[str], index: int) -> Sequence[Box]:
    widths = [len(name) * _LETTER + 28 for name in names]
    left = (_WIDTH - sum(widths) - _GAP * (len(names) - 1)) / 2
    boxes = []
    for name, width in zip(names, widths, strict=True):
        is_strong = name in {"services", "domain", "ports"}
        box = Box(x=left + width / 2, y=_y(index), width=width, words=name, is_strong=is_strong)
        boxes.append(box)
        left += width + _GAP
    return boxes


def _y(index: int) -> float:
    return 24 + _APART * index
