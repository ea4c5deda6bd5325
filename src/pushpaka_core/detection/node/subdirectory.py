"""Finds the application in a subdirectory if the top directory has none."""

from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.subdirectories import MANIFESTS, directories_with
from pushpaka_core.detection.tree import FileTree

_OTHER_LANGUAGE_FILES = MANIFESTS | {
    "requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "manage.py",
    "index.html", "start.sh",
}  # fmt: skip
"""Files that identify an application in another language."""
_CONFIG_FILES = ("Procfile", "pushpaka.toml")
"""
Subdirectories with these files are skipped, because the files only apply if root_dir names the
subdirectory.
"""


def only_application_directory(tree: FileTree) -> str | None:
    """Return the subdirectory that contains a package.json and the only application, or None."""
    if any(map(tree.exists, _OTHER_LANGUAGE_FILES)) or directories_with(
        tree, _OTHER_LANGUAGE_FILES - {"index.html"}
    ):
        return None
    match directories_with(tree, {FILE}):
        case (place,) if not any(tree.exists(f"{place}/{name}") for name in _CONFIG_FILES):
            return place
        case _:
            return None
