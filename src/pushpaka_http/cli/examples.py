"""The applications that the demo deploys."""

import shutil
from pathlib import Path

import click
from attrs import frozen

_APPS = Path(__file__).parents[3] / "examples" / "apps"
"""Where the examples are in a checkout; an installed package is without them."""

_PAGE = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Pushpaka</title></head>
  <body><h1>This page was deployed by Pushpaka</h1></body>
</html>
"""


@frozen(kw_only=True)
class Example:
    """An application whose answer is known before it is asked."""

    name: str
    project: str
    """What its project is called."""
    answer: str
    """What its first page says, with `{commit}` where it names its commit."""

    def copy_to(self, directory: Path) -> None:
        """Put its files into *directory*, in place of whatever was there."""
        shutil.rmtree(directory, ignore_errors=True)
        if self is _BUILT_IN:
            directory.mkdir(parents=True)
            (directory / "index.html").write_text(_PAGE)
        else:
            unwanted = shutil.ignore_patterns(".git", ".venv", "__pycache__")
            shutil.copytree(_APPS / self.name, directory, ignore=unwanted)

    def is_answer(self, text: str, *, commit: str) -> bool:
        """Tell whether *text* is what the application of *commit* should say."""
        return self.answer.format(commit=commit) in text


EXAMPLES = {
    example.name: example
    for example in (
        Example(name="fastapi", project="Greeter", answer="<code>{commit}</code>"),
        Example(name="static", project="Static site", answer="A static site, version v1"),
    )
}

_BUILT_IN = Example(name="page", project="Page", answer="This page was deployed by Pushpaka")


def example_named(name: str | None) -> Example:
    """Return the example of that *name*, or the best that there is where none is asked for."""
    if not _APPS.is_dir():
        if name is not None:
            raise click.UsageError("The example applications are in a checkout of Pushpaka only.")
        return _BUILT_IN
    return EXAMPLES[name or "fastapi"]
