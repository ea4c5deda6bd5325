"""`pushpaka plan`: what a deployment of a directory would do, without an instance."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from anyio import to_thread
from tests.served import Served

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

APPLICATION = {
    "requirements.txt": "fastapi\nuvicorn\n",
    "main.py": "import os, fastapi\n\napp = fastapi.FastAPI()\nKEY = os.environ['KEY']\n",
    "pushpaka.toml": 'port = 4000\n\n[processes]\nworker = "python -m work"\n',
}


async def _written(directory: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        await to_thread.run_sync(_write, directory / name, text)
    return directory


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def test_it_says_what_the_plan_of_a_project_says(unrouted: Served) -> None:
    """To the letter, with the reasons, what was rejected, and what pushpaka.toml decides."""
    files = APPLICATION | {"package.json": "{}"}
    repository = await to_thread.run_sync(Repository.make, unrouted.repositories / "app")
    await to_thread.run_sync(repository.commit, "Begin", files)
    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        body = {"name": "app", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        planned = (await api.post(f"/projects/{project['id']}/plan", json={})).json()

    finished = await unrouted.run("plan", str(repository.path))
    for_programs = await unrouted.run("plan", str(repository.path), "--json")

    lines, plan = finished.output.splitlines(), json.loads(for_programs.output)
    assert 0 == finished.code, finished.errors
    assert planned["explanation"] == lines
    assert {"worker: python -m work [pushpaka.toml]", "port: 4000 [pushpaka.toml]"} <= set(lines)
    assert any(line.startswith("  not node: ") for line in lines)
    assert planned["processes"] == plan["processes"]
    assert planned["evidence"] == plan["evidence"]


async def test_it_needs_and_makes_nothing(unrouted: Served, tmp_path: Path) -> None:
    """Outside of any repository, and without a data directory."""
    await _written(tmp_path, {"index.html": "Hello."})

    finished = await unrouted.run("plan", str(tmp_path))

    assert "Detected static" == finished.output.splitlines()[0]
    assert ["index.html"] == await to_thread.run_sync(os.listdir, tmp_path)
    assert not unrouted.data_directory.exists()


async def test_what_git_ignores_is_not_looked_at(unrouted: Served) -> None:
    """A commit would not have it; what is not committed yet, it would."""
    files = {".gitignore": "/requirements.txt\n", "README": ""}
    repository = await to_thread.run_sync(Repository.make, unrouted.repositories / "app")
    await to_thread.run_sync(repository.commit, "Begin", files)
    await _written(repository.path, {"requirements.txt": "fastapi", "index.html": "Hello."})

    finished = await unrouted.run("plan", str(repository.path))

    assert "Detected static" == finished.output.splitlines()[0]
    assert "python" not in finished.output


async def test_a_directory_of_a_repository_is_the_root_dir(unrouted: Served) -> None:
    """So that a Dockerfile copies what lies above it too."""
    files = {f"services/web/{name}": text for name, text in APPLICATION.items()}
    repository = await to_thread.run_sync(Repository.make, unrouted.repositories / "app")
    await to_thread.run_sync(repository.commit, "Begin", files)

    finished = await unrouted.run("plan", "--dockerfile", str(repository.path / "services/web"))

    assert "WORKDIR /app/services/web" in finished.output.splitlines()
    assert "COPY . /app/" in finished.output.splitlines()


async def test_dockerfile_is_that_of_the_image(unrouted: Served, tmp_path: Path) -> None:
    """Also on the process runtime, and with the prefix of a mirror; nothing else is printed."""
    files = {"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": "package main\n"}
    await _written(tmp_path, files)

    as_process = await unrouted.run("plan", str(tmp_path))
    finished = await unrouted.run(
        "plan", "--dockerfile", str(tmp_path), PUSHPAKA_IMAGE_PREFIX="mirror.example/"
    )

    assert 2 == as_process.code
    assert "PUSHPAKA_RUNTIME=docker" in as_process.errors
    assert (0, "") == (finished.code, finished.errors)
    assert finished.output.startswith("FROM mirror.example/golang:1.24")
    assert 'CMD ["/bin/sh", "-c"' in finished.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"Dockerfile": "FROM scratch\n"}, "Dockerfile"),
        (
            {
                "deploy/app.dockerfile": "FROM scratch\n",
                "pushpaka.toml": '[docker]\nfile = "deploy/app.dockerfile"\n',
            },
            "deploy/app.dockerfile",
        ),
    ],
)
async def test_dockerfile_of_the_repository_is_named(
    unrouted: Served, tmp_path: Path, files: dict[str, str], path: str
) -> None:
    """Its path is printed, and that it is taken as it is."""
    await _written(tmp_path, files)

    finished = await unrouted.run("plan", "--dockerfile", str(tmp_path))

    assert f"{path}\n" == finished.output
    assert "brings its own Dockerfile" in finished.errors


@pytest.mark.parametrize(
    ("files", "place", "sentence"),
    [
        ({}, "missing", "does not exist"),
        ({"README": ""}, "README", "is a file"),
        ({"README": ""}, ".", "Nothing that can be deployed was recognised"),
        ({"pushpaka.toml": "prot = 1\n"}, ".", "Line 1, column 1: `prot` is not a known key"),
        ({".git/HEAD": "", "index.html": ""}, ".", "cannot be read: git exited with"),
    ],
)
async def test_bad_input_is_told(
    unrouted: Served, tmp_path: Path, files: dict[str, str], place: str, sentence: str
) -> None:
    """What cannot be planned ends with exit code 2 and a sentence."""
    await _written(tmp_path, files)

    finished = await unrouted.run("plan", str(tmp_path / place))

    assert (2, "") == (finished.code, finished.output)
    assert sentence in finished.errors
    assert "Traceback" not in finished.errors
