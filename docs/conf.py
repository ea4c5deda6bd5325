"""How the pages are built: `nox -s docs` does it, from the root of the repository."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

project = "Pushpaka"
author = "the authors of Pushpaka"
project_copyright = f"{author}, Apache 2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.generator"]

# Pages lie in docs; beside them people read what is at the root, and the examples.
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = ["*.md", "docs/**.md", "examples/apps/README.md"]
exclude_patterns = [".*", "**/node_modules", "docs/templates"]
templates_path = ["templates"]

myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 4

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
toc_object_entries = False
# What has no page here: libraries, ids (which are the types of a type checker alone), variables.
nitpick_ignore_regex = [
    ("py:class", r"(?!pushpaka_).*"),
    ("py:class", r"pushpaka_core\.engine\.Engine"),
    ("py:class", r"pushpaka_core\.(\w+\.)*(\w+Id|_?\w)"),
]

html_theme = "furo"
html_title = "Pushpaka"
html_additional_pages = {"index": "start.html"}
html_static_path = ["static"]
html_css_files = ["pushpaka.css"]
html_copy_source = False
html_show_sphinx = False
