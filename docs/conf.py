"""Sphinx configuration. `nox -s docs` builds the pages from the root of the repository."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

project = "Pushpaka"
author = "the authors of Pushpaka"
project_copyright = f"{author}, Apache 2.0"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
    "docs.generator",
]

# Most pages are in docs. The site also includes the pages at the root and the example apps.
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = ["*.md", "docs/**.md", "examples/apps/README.md"]
exclude_patterns = [".*", "**/node_modules", "docs/templates"]
templates_path = ["templates"]

# Commands are copied without their prompts and output.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

myst_enable_extensions = ["attrs_block", "html_image"]
myst_heading_anchors = 4

default_role = "code"
smartquotes = False  # They would merge the two dashes of an option into one.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
toc_object_entries = False
# Names without a page: libraries, ids (which exist only for the type checker) and variables.
nitpick_ignore_regex = [
    ("py:class", r"(?!pushpaka_).*"),
    ("py:class", r"pushpaka_core\.container\.worker\.WorkerServices"),
    ("py:class", r"pushpaka_core\.(\w+\.)*(\w*Id|_?\w|T_co|Id_contra)"),
    ("py:class", r"pushpaka_core\.settings\.\w+\.(AcmeChallenge|LogFormat|PublicScheme)"),
]

html_theme = "furo"
html_title = "Pushpaka"
html_logo = html_favicon = "../src/pushpaka_http/dashboard/page/icon.svg"
html_additional_pages = {"index": "start.html"}
html_static_path = ["static"]
html_css_files = ["pushpaka.css"]
html_copy_source = False
html_show_sphinx = False
# The edit link of each page needs the URL of the repository, which GitHub Actions provides.
if "GITHUB_REPOSITORY" in os.environ:
    html_theme_options = {
        "source_repository": "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/".format(**os.environ),
        "source_branch": "main",
        "source_directory": "",
    }
