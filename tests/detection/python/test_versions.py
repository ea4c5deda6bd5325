"""Tests which Python version an application requires."""

import pytest
from tests.detection import plans

from pushpaka_core.domain.pipeline.build_plans import BuildPlan

PYPROJECT = '[project]\nname = "shop"\nrequires-python = ">=3.11"\n'
POETRY = '[tool.poetry.dependencies]\npython = "{}"\n'
PIPFILE = '[packages]\n[requires]\npython_version = "3.12"\n'


def plan_of(files: dict[str, str], root_dir: str = "") -> BuildPlan:
    main = f"{root_dir}/main.py".removeprefix("/")
    return plans.plan_of({main: "print(1)", **files}, root_dir=root_dir)


@pytest.mark.parametrize(
    ("files", "version", "path"),
    [
        ({".python-version": "# ours\n3.12\n", "pyproject.toml": PYPROJECT}, "3.12", None),
        ({".python-version": "cpython-3.12.1-linux-x86_64-gnu"}, "3.12.1", ".python-version"),
        ({"runtime.txt": "python-3.13.1"}, "3.13.1", "runtime.txt"),
        ({"runtime.txt": "python-3.13", "pyproject.toml": PYPROJECT}, "3.13", "runtime.txt"),
        ({".tool-versions": "nodejs 22\npython 3.12.4 3.11 # x"}, "3.12.4", ".tool-versions"),
        ({"mise.toml": '[tools]\npython = "3.12"'}, "3.12", "mise.toml"),
        ({".mise.toml": '[tools]\npython = ["3.13", "3.12"]'}, "3.13", ".mise.toml"),
        ({"mise.toml": '[tools]\npython = {version = "3.12"}'}, "3.12", "mise.toml"),
        ({"Pipfile": PIPFILE}, "3.12", "Pipfile"),
        ({"pyproject.toml": PYPROJECT}, ">=3.11", "pyproject.toml"),
        ({"pyproject.toml": POETRY.format("^3.11")}, ">=3.11,<4", "pyproject.toml"),
        ({"pyproject.toml": POETRY.format("~3.11")}, ">=3.11,<3.12", "pyproject.toml"),
        ({"pyproject.toml": POETRY.format("3.11")}, "3.11", "pyproject.toml"),
        ({"pyproject.toml": POETRY.format("^2.7 || >=3.9,<3.13")}, ">=3.9,<3.13", None),
        ({"setup.cfg": "[options]\npython_requires = >=3.10"}, ">=3.10", "setup.cfg"),
    ],
)
def test_version_is_taken_from_the_first_file_that_names_one(
    files: dict[str, str], version: str, path: str | None
) -> None:
    """Version files take precedence over what the package declares."""
    plan = plan_of(files)

    assert version == plan.language_version
    if path:
        assert path in {one.path for one in plan.evidence if one.reason.startswith("Python ")}


@pytest.mark.parametrize(
    "files",
    [
        {".python-version": "my-env"},
        {".python-version": "\n\n"},
        {"mise.toml": '[tools]\npython = "latest"'},
        {"pyproject.toml": PYPROJECT.replace(">=3.11", "new")},
        {"pyproject.toml": POETRY.format("*")},
        {"pyproject.toml": POETRY.format("newest")},
        {"pyproject.toml": "[tool.poetry.dependencies]\npython = 3"},
    ],
)
def test_invalid_version_is_ignored(files: dict[str, str]) -> None:
    assert plan_of(files).language_version is None


def test_version_file_in_a_parent_directory_is_used() -> None:
    """The nearest file takes precedence, as in the tools that read it."""
    files = {".python-version": "3.11", "apps/api/requirements.txt": ""}

    above = plan_of(files, "apps/api")
    beside = plan_of({**files, "apps/api/.tool-versions": "python 3.12"}, "apps/api")

    assert ("3.11", "3.12") == (above.language_version, beside.language_version)
