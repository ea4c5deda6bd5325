"""
How long does a program take to be served, first and with an unchanged lock file?

A Python program with a requirements.txt and a Node program with a package-lock.json, on the
process runtime, from the request to the first answer of the version through the router; first is
the first deployment of a new project. By hand it is a script that clones the same commit, installs
by venv and pip, or by npm ci, starts the program by the same command and waits for its answer on
the port itself; again is the same script once more. The caches of pip and npm belong to a project
on both sides: first they are empty, as nobody may write what another project reads, and again
they have all packages.

What differs where Node's first is slower: `npm ci` fetches the same and takes about as much
processor time under the limits of a build. Beside it are six runs of git in place of one, each
under a process that watches it (28 ms of processor time), a digest of what was built, and the
archive of what was installed, which makes the next one quick.
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen
from benchmarks.deploying import Source, deploy, open_person, process_by_hand
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns
from tests.acceptance.apps import EXAMPLES
from tests.acceptance.people import Person

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
    """A program, and how it is deployed by hand."""

    name: str
    script: str
    file: str
    files: Mapping[str, str]

    def source(self, path: Path) -> Source:
        """Return a new repository of it."""
        repository = Repository.make(path)
        repository.commit("Begin", dict(self.files))
        return Source(repository, self.file)


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


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Deploy new projects and then their next versions, by turns."""
    found: list[Comparison] = []
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_person("process") as ann:
            for kind in plan.few(_kinds()):
                turns = {
                    OURS: partial(_ours, ann, kind),
                    "by hand": partial(_by_hand, kind, Path(directory)),
                }
                samples = await by_turns(turns, plan.rounds_of(5))
                found += [
                    Comparison.of(samples, when, what=f"{kind.name}, {when}", unit="s", goal=goal)
                    for when, goal in _GOALS.items()
                ]
    return found


async def _ours(person: Person, kind: Kind) -> Figures:
    name = f"shop-{next(_numbers)}"
    source = kind.source(person.served.repositories / name)
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
