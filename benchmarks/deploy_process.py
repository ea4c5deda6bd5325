"""
How long does it take to deploy a program for the first time, and with an unchanged lock file?

A Python program with a requirements.txt and a Node program with a package-lock.json are deployed on
the process runtime. The time is measured from the request to the first response of the version
through the router. "First" is the first deployment of a new project. "By hand" is a script that
clones the same commit, installs with venv and pip or with npm ci, starts the program with the same
command and waits for a response on the program's own port; "again" is a second run of the script.
Both Pushpaka and the script use caches of pip and npm that belong to a single project, because a
project must not write files that another project reads. The caches are empty at first, and contain
all packages in the second run.

Why the first deployment with Node is slower: `npm ci` fetches the same packages and takes about as
much processor time within the limits of a build. In addition, Pushpaka runs git six times instead
of once, each time under a supervising process (28 ms of processor time), computes a digest of the
artifact, and archives the installed packages, which makes the next deployment fast.
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen
from benchmarks.deployments import VersionedSource, deploy, open_person, process_by_hand
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.acceptance.tools.apps import EXAMPLES
from tests.acceptance.tools.people import Person

from pushpaka_core.testing.repositories import Repository

_PYTHON = """\
import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def version():
    return "v1."


app.run(os.environ["HOST"], int(os.environ["PORT"]))
"""
_NODE = """\
import express from "express";

const app = express();
app.get("/", (_, answer) => answer.send("v1."));
app.listen(process.env.PORT, process.env.HOST);
"""
_NODE_FILES = ("package.json", "package-lock.json")
_GOALS = {"first": Goal(ratio=1.05), "again": Goal(ratio=0.5)}
_numbers = count(1)


@frozen(kw_only=True)
class Kind:
    """A program, and the script that deploys it by hand."""

    name: str
    script: str
    file: str
    files: Mapping[str, str]

    def source(self, path: Path) -> VersionedSource:
        """Return a new repository with the program."""
        repository = Repository.create(path)
        repository.commit("Begin", dict(self.files))
        return VersionedSource(repository, self.file)


def _kinds() -> Sequence[Kind]:
    requirements = (EXAMPLES / "flask" / "requirements.txt").read_text()
    node = {name: (EXAMPLES / "express" / name).read_text() for name in _NODE_FILES}
    return [
        Kind(
            name="Python",
            script="python.sh",
            file="app.py",
            files={
                "app.py": _PYTHON,
                "requirements.txt": requirements,
                "Procfile": "web: python app.py\n",
            },
        ),
        Kind(name="Node", script="node.sh", file="server.js", files={"server.js": _NODE, **node}),
    ]


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Deploy new projects and then their next versions, with both in turn."""
    found: list[Comparison] = []
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_person("process") as ann:
            for kind in run_options.variants(_kinds()):
                turns = {
                    OURS: partial(_ours, ann, kind),
                    "by hand": partial(_by_hand, kind, Path(directory)),
                }
                samples = await alternate(turns, run_options.rounds_of(5))
                found += [
                    Comparison.of(samples, when, what=f"{kind.name}, {when}", unit="s", goal=goal)
                    for when, goal in _GOALS.items()
                ]
    return found


async def _ours(person: Person, kind: Kind) -> Figures:
    name = f"shop-{next(_numbers)}"
    source = kind.source(person.served_instance.repositories / name)
    project = await person.project(source.repository.path, name)
    first = await deploy(person, project, source)
    source.change()
    again = await deploy(person, project, source)
    await person.ask("DELETE", f"/projects/{project['id']}")
    return {"first": first, "again": again}


async def _by_hand(kind: Kind, parent: Path) -> Figures:
    directory = parent / f"{next(_numbers)}"
    source = kind.source(directory / "repository")
    first = await process_by_hand(kind.script, source, directory / "first")
    source.change()
    again = await process_by_hand(kind.script, source, directory / "again")
    shutil.rmtree(directory)
    return {"first": first, "again": again}
