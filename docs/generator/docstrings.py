"""How docstrings are read by autodoc."""

from typing import Any

import attrs
from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring

_WITH_SECTIONS = frozenset({"class", "exception", "function", "method"})
"""What may have `Args:` or `Raises:`; a field or a property is a sentence."""


def hide_parts_of_services(
    _app: Sphinx, _what: str, name: str, thing: Any, _options: Any, _given: Any, _returned: Any
) -> tuple[str, None] | None:
    """Leave out how a service is made: `assemble` does that, from parts that are its own."""
    if attrs.has(thing) and name.startswith("pushpaka_core.services."):
        return "", None
    return None


def read_sections(
    _app: Sphinx, what: Any, _name: str, _thing: Any, _options: Any, lines: list[str]
) -> None:
    """Turn the sections of a docstring into fields, and let stars be stars."""
    lines[:] = [line.replace("***", r"\*\*\*") for line in lines]
    if what in _WITH_SECTIONS:
        lines[:] = GoogleDocstring(lines, what=what).lines()
