"""
A Sphinx extension that fills pages with text generated from the code.

A line `<!-- generated: metrics -->` in a page is replaced with the output of the generator with
that name; any further words are its argument. GitHub and other Markdown viewers show nothing there.
"""

import re
from typing import Any

from docs.generator import api, llms_txt, messages, pages, python_api, tables
from sphinx.application import Sphinx

_MODULES = (api, messages, python_api, tables)
"""The modules that contain generators. A generator has the name of its function."""
_PLACE = re.compile(r"^<!-- generated: (?P<name>[a-z_]+) ?(?P<words>.*?) -->$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", pages.read_sections)
    app.connect("autodoc-process-signature", pages.hide_constructors_of_services)
    app.connect("doctree-read", pages.show_directories_as_text)
    app.connect("doctree-resolved", pages.adapt_to_markdown)
    app.connect("build-finished", llms_txt.write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill(app: Sphinx, page: str, content: list[str]) -> None:
    """Insert generated text into the source of *page*."""
    if page == app.config.root_doc:
        content[0] = pages.with_contents(content[0])
    content[0] = _PLACE.sub(_generated, content[0])


def _generated(place: re.Match[str]) -> str:
    generators: dict[str, Any] = {k: v for each in _MODULES for k, v in vars(each).items()}
    text: str = generators[place["name"]](place["words"])
    return text
