"""Tests `pushpaka plan`, which shows how a directory would be deployed, without an instance."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.operator.operators import Operator, sign_up

from pushpaka_core.testing.repositories import Repository

APPLICATION = {
    "requirements.txt": "fastapi\nuvicorn\n",
    "main.py": "import os, fastapi\n\napp = fastapi.FastAPI()\nKEY = os.environ['KEY']\n",
    "pushpaka.toml": 'port = 4000\n\n[processes]\nworker = "python -m work"\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "repository")


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write files to *directory*."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_plan_command_prints_the_plan_of_the_api(
    operator: Operator, repository: Repository
) -> None:
    """For the same repository, the command and the API give the same plan with the same reasons."""
    repository.commit("Begin", APPLICATION | {"package.json": "{}"})
    with operator.serve() as api:
        sign_up(api)
        body = {"name": "app", "repo_url": str(repository.path)}
        project = api.post("/projects", json=body).json()
        planned = api.post(f"/projects/{project['id']}/plan", json={}).json()

    finished = operator.run("plan", str(repository.path))
    plan = json.loads(operator.run("plan", str(repository.path), "--json").output)

    lines = finished.output.splitlines()
    assert 0 == finished.code, finished.errors
    assert planned["explanation"] == lines
    assert {"worker: python -m work [pushpaka.toml]", "port: 4000 [pushpaka.toml]"} <= set(lines)
    assert any(line.startswith("  skipped node: ") for line in lines)
    assert planned["processes"] == plan["processes"]
    assert planned["evidence"] == plan["evidence"]


def test_plan_command_needs_no_instance_and_writes_nothing(
    operator: Operator, folder: Path
) -> None:
    """The command works outside a repository and without a data directory."""
    write(folder, {"index.html": "Hello."})

    finished = operator.run("plan", str(folder))

    assert "Detected static" == finished.output.splitlines()[0]
    assert ["index.html"] == [path.name for path in folder.iterdir()]
    assert not operator.data_directory.exists()


def test_an_empty_folder_is_refused_with_a_two_line_message(
    operator: Operator, folder: Path
) -> None:
    """The second line explains the next step."""
    assert [
        f"Error: The directory {folder} is empty.",
        "Add the files of your application, or pass its directory: pushpaka plan DIRECTORY",
    ] == operator.run_refused("plan", str(folder)).splitlines()


def test_files_that_git_ignores_are_not_considered(
    operator: Operator, repository: Repository
) -> None:
    """Files that are not yet committed are considered."""
    repository.commit("Begin", {".gitignore": "/requirements.txt\n", "README": ""})
    write(repository.path, {"requirements.txt": "fastapi", "index.html": "Hello."})

    finished = operator.run("plan", str(repository.path))

    assert "Detected static" == finished.output.splitlines()[0]
    assert "python" not in finished.output


def test_a_directory_of_a_repository_is_the_root_dir(
    operator: Operator, repository: Repository
) -> None:
    """The Dockerfile copies the whole repository, and runs commands in that directory."""
    repository.commit("Begin", {f"services/web/{name}": it for name, it in APPLICATION.items()})

    finished = operator.run("plan", "--dockerfile", str(repository.path / "services/web"))

    assert "WORKDIR /app/services/web" in finished.output.splitlines()
    assert "COPY . /app/" in finished.output.splitlines()


def test_the_dockerfile_of_the_image_is_printed(operator: Operator, folder: Path) -> None:
    """The base images come from the configured mirror. Go programs cannot run as processes."""
    write(folder, {"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": "package main\n"})

    as_process = operator.run_refused("plan", str(folder))
    prefix = {"PUSHPAKA_IMAGE_PREFIX": "mirror.example/"}
    finished = operator.run("plan", "--dockerfile", str(folder), **prefix)

    assert "PUSHPAKA_RUNTIME=docker" in as_process
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
def test_the_path_of_an_own_dockerfile_is_printed(
    operator: Operator, folder: Path, files: dict[str, str], path: str
) -> None:
    """The content is not printed, because the Dockerfile is built without changes."""
    write(folder, files)

    finished = operator.run("plan", "--dockerfile", str(folder))

    assert f"{path}\n" == finished.output
    assert "has its own Dockerfile" in finished.errors


@pytest.mark.parametrize(
    ("files", "directory", "sentence"),
    [
        ({}, "missing", "does not exist"),
        ({"README": ""}, "README", "is a file"),
        ({"README": ""}, ".", "Could not detect how to run this repository"),
        ({"pushpaka.toml": "prot = 1\n"}, ".", "Line 1, column 1: `prot` is not a known key"),
        ({".git/HEAD": "", "index.html": ""}, ".", "cannot be read: git exited with"),
    ],
)
def test_bad_input_is_refused(
    operator: Operator, folder: Path, files: dict[str, str], directory: str, sentence: str
) -> None:
    """The error explains the problem, and the exit code is 2."""
    write(folder, files)

    assert sentence in operator.run_refused("plan", str(folder / directory))
