"""Handlers of Sphinx events that adapt pages, links and docstrings."""

import re
from pathlib import Path
from posixpath import dirname, relpath
from typing import Any

import attrs
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring

_LINK = re.compile(r"\]\(([\w./-]+)\.md\)")
_WITH_SECTIONS = frozenset({"class", "exception", "function", "method"})
"""Others have one sentence, in which napoleon would treat words before a colon as a type."""


def with_contents(text: str) -> str:
    """Return *text*, the page that lists all others, with a `toctree` for each of its sections."""
    parts = [text]
    for section in text.split("\n## ")[1:]:
        caption, _, body = section.partition("\n")
        lines = [":hidden:", ":maxdepth: 1", f":caption: {caption}", "", *_LINK.findall(body)]
        parts.append("\n".join(["```{toctree}", *lines, "```", ""]))
    return "\n".join(parts)


def show_directories_as_text(app: Sphinx, page: nodes.document) -> None:
    """Replace links to directories with their text, because directories have no pages."""
    folder = Path(app.srcdir, app.env.docname).parent
    for link in list(page.findall(addnodes.pending_xref)):
        if link["reftype"] == "myst" and (folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def adapt_to_markdown(app: Sphinx, document: nodes.document, page: str) -> None:
    """
    Adapt a page to the Markdown builder.

    The builder omits the targets of links within a page, does not copy images, and does not support
    abbreviations, which Sphinx uses to separate parameters.
    """
    if app.builder.name != "markdown":
        return
    for node in list(document.findall()):
        match node:
            case nodes.comment():
                node.parent.remove(node)
            case nodes.abbreviation():
                node.replace_self(node.children)
            case nodes.reference() if "refid" in node:
                node["refuri"] = f"#{node['refid']}"
            case nodes.image() if node["uri"] in app.env.images:
                copy = f"_images/{app.env.images[node['uri']][1]}"
                node["uri"] = relpath(copy, dirname(page))


def hide_constructors_of_services(
    _app: Sphinx, _what: str, name: str, thing: Any, *_: Any
) -> tuple[str, None] | None:
    """Omit the arguments of services: `assemble` creates them."""
    is_service = attrs.has(thing) and name.startswith("pushpaka_core.services.")
    return ("", None) if is_service else None


def read_sections(
    _app: Sphinx, what: Any, _name: str, _thing: Any, _options: Any, lines: list[str]
) -> None:
    """Convert the sections of a docstring to fields, and escape the masks of secrets."""
    lines[:] = [line.replace("***", r"\*\*\*") for line in lines]
    if what in _WITH_SECTIONS:
        lines[:] = GoogleDocstring(lines, what=what).lines()
