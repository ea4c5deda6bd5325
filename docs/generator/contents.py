"""The table of contents, from the lists of the page that names all others."""

import re
from pathlib import PurePosixPath

_LINK = re.compile(r"\]\((?P<page>[\w./-]+)\.md\)")


def with_contents(text: str) -> str:
    """Return that page with a part of the contents for each of its sections."""
    _, *sections = text.split("\n## ")
    return "\n".join([text, *map(_part, sections)])


def _part(section: str) -> str:
    caption, _, body = section.partition("\n")
    pages = (str(PurePosixPath(link["page"])) for link in _LINK.finditer(body))
    options = [":hidden:", ":maxdepth: 1", f":caption: {caption}"]
    return "\n".join(["```{toctree}", *options, "", *pages, "```", ""])
