"""What becomes of links of pages to something of the repository that is no page."""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def show_directories_as_text(app: Sphinx, page: nodes.document) -> None:
    """Show the words of a link to a directory that is there; Sphinx follows all others."""
    folder = Path(app.srcdir, app.env.docname).parent
    for link in list(page.findall(addnodes.pending_xref)):
        if link["reftype"] == "myst" and (folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)
