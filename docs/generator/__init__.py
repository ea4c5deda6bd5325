"""
The Sphinx extension that fills pages with what is generated from the code.

A page says where by a comment of its own line, as in `<!-- generated: metrics -->`. On a
forge nothing is seen of it; in the built page the text of the maker stands there.
"""

import re
from collections.abc import Callable, Mapping

from docs.generator.api import operations, schemas
from docs.generator.commands import commands
from docs.generator.configuration import setting_tables
from docs.generator.contents import with_contents
from docs.generator.docstrings import hide_parts_of_services, read_sections
from docs.generator.layers import layers, rules
from docs.generator.links import show_directories_as_text
from docs.generator.measures import metrics
from docs.generator.messages import messages
from docs.generator.modules import error_tree, modules, services
from docs.generator.states import states
from docs.generator.suites import suites
from sphinx.application import Sphinx

MAKERS: Mapping[str, Callable[[str], str]] = {
    "commands": commands,
    "error-tree": error_tree,
    "layers": layers,
    "messages": messages,
    "metrics": metrics,
    "modules": modules,
    "operations": operations,
    "rules": rules,
    "schemas": schemas,
    "services": services,
    "settings": setting_tables,
    "states": states,
    "suites": suites,
}
"""What makes the Markdown for each name; it takes the words after the name."""
_PLACE = re.compile(r"^<!-- generated: (?P<name>[a-z-]+) ?(?P<words>.*?) -->$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part in the reading of pages, and in the resolving of links."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", read_sections)
    app.connect("autodoc-process-signature", hide_parts_of_services)
    app.connect("doctree-read", show_directories_as_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill(app: Sphinx, page: str, content: list[str]) -> None:
    """Put what is generated into the source of a page."""
    if page == app.config.root_doc:
        content[0] = with_contents(content[0])
    content[0] = _PLACE.sub(lambda place: MAKERS[place["name"]](place["words"]), content[0])
