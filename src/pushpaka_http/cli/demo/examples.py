"""The example applications of the demo."""

import shutil
from pathlib import Path

import click
from attrs import frozen

_APPS = Path(__file__).parents[4] / "examples" / "apps"
"""The directory of the examples. It exists in a Git checkout, but not in an installed package."""

_PAGE = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Pushpaka</title></head>
  <body><h1>This page was deployed by Pushpaka</h1></body>
</html>
"""


@frozen(kw_only=True)
class Example:
    """An application with a known response."""

    name: str
    project: str
    """The name of the project to create for it."""
    expected_text: str
    """Text that its home page contains. `{commit}` stands for the deployed commit."""

    def copy_to(self, directory: Path) -> None:
        """Replace *directory* with the files of this example."""
        shutil.rmtree(directory, ignore_errors=True)
        if self is _BUILT_IN:
            directory.mkdir(parents=True)
            (directory / "index.html").write_text(_PAGE)
        else:
            unwanted = shutil.ignore_patterns(".git", ".venv", "__pycache__")
            shutil.copytree(_APPS / self.name, directory, ignore=unwanted)

    def is_expected_response(self, text: str, *, commit: str) -> bool:
        """Return True if *text* is the expected response of the application at *commit*."""
        return self.expected_text.format(commit=commit) in text


EXAMPLES = {
    example.name: example
    for example in (
        Example(name="fastapi", project="Greeter", expected_text="<code>{commit}</code>"),
        Example(name="static", project="Static site", expected_text="A static site, version v1"),
    )
}

_BUILT_IN = Example(name="page", project="Page", expected_text="This page was deployed by Pushpaka")


def find_example(name: str | None) -> Example:
    """
    Return the example *name*, or a default example if *name* is None.

    Raises:
        click.UsageError: If *name* is given outside a checkout with examples.
    """
    if not _APPS.is_dir():
        if name is not None:
            raise click.UsageError(
                "The example applications exist only in a checkout of Pushpaka. Leave out --app."
            )
        return _BUILT_IN
    return EXAMPLES[name or "fastapi"]
