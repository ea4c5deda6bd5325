"""
Writes `llms.txt`, the list of all pages for programs that read the docs.

Its links lead to the Markdown of the pages, which the `markdown` builder writes next to their HTML.
See https://llmstxt.org for the format.
"""

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file at the end of an HTML build, unless it has failed."""
    if error is None and app.builder.name == "html":
        Path(app.outdir, "llms.txt").write_text("\n".join(_lines(app)) + "\n")


def _lines(app: Sphinx) -> Iterator[str]:
    root = app.config.root_doc
    yield from (f"# {app.config.project}", "", f"> {_summary(app, root)}")
    for section in app.env.get_doctree(root).findall(addnodes.toctree):
        yield from ("", f"## {section['caption']}", "")
        for _, page in section["entries"]:
            title = app.env.titles[page].astext()
            yield f"- [{title}]({page}.md): {_summary(app, page)}"


def _summary(app: Sphinx, page: str) -> str:
    """Return the first paragraph of a page, or nothing if it has none."""
    paragraph = next(iter(app.env.get_doctree(page).findall(nodes.paragraph)), None)
    return " ".join(paragraph.astext().split()) if paragraph else ""
