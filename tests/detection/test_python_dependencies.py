"""How Python dependencies are found and installed."""

from collections.abc import Mapping

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step

APP = "from fastapi import FastAPI\napp = FastAPI()\n"
PYPROJECT = """
[project]
name = "shop"
requires-python = ">=3.11"
dependencies = [
    "Fast_API[standard]>=0.1",
    "fastapi",
]
"""
UV_LOCK = """
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [{ name = "fastapi", extra = ["standard"] }]
[package.dev-dependencies]
dev = [{ name = "hypercorn" }]
[[package]]
name = "fastapi"
[package.optional-dependencies]
standard = [{ name = "uvicorn" }]
[[package]]
name = "uvicorn"
[[package]]
name = "hypercorn"
"""


def plan_of(files: Mapping[str, str]) -> BuildPlan:
    return detect(MemoryTree({"main.py": APP, **files}), Wishes())


def install_of(files: Mapping[str, str]) -> str | None:
    install = plan_of(files).install
    return install.command if install else None


def test_uv_lock_is_installed_as_it_is() -> None:
    """The lock decides, and what it brings through an extra needs no adding."""
    plan = plan_of({"pyproject.toml": PYPROJECT, "uv.lock": UV_LOCK})

    assert "uv" == plan.package_manager
    assert Step(command="uv sync --frozen --no-dev", origin=Origin.DETECTED) == plan.install
    assert plan.processes["web"].command.startswith("uvicorn ")
    assert () == plan.added_packages


def test_development_dependencies_of_a_lock_do_not_count() -> None:
    """A server of the dev group is not installed, so it is not there to be used."""
    lock = UV_LOCK.replace(', extra = ["standard"]', "")

    plan = plan_of({"pyproject.toml": PYPROJECT, "uv.lock": lock})

    assert ("uvicorn[standard]",) == plan.added_packages


def test_lock_beats_requirements_and_says_so() -> None:
    """The more exact of two files wins."""
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV_LOCK, "requirements.txt": "flask"}

    plan = plan_of(files)

    expected = Rejected(framework="requirements.txt", reason="uv.lock is more exact")
    assert (expected,) == plan.rejected


def test_uv_lock_alone_is_no_project() -> None:
    """Uv needs a pyproject.toml beside its lock."""
    plan = plan_of({"uv.lock": UV_LOCK, "requirements.txt": "fastapi"})

    assert "pip" == plan.package_manager
    reason = "there is no pyproject.toml beside it that says what the project is"
    assert (Rejected(framework="uv.lock", reason=reason),) == plan.rejected


@pytest.mark.parametrize(
    ("more", "command"),
    [
        ("", "uv pip install -r pyproject.toml"),
        ('[build-system]\nrequires = ["hatchling"]', "uv pip install -r pyproject.toml"),
        ('[build-system]\n[tool.setuptools]\npy-modules = ["main"]', "uv pip install ."),
        ("[build-system]\n[tool.uv]\npackage = false", "uv pip install -r pyproject.toml"),
    ],
)
def test_pyproject_without_a_lock_is_installed_too(more: str, command: str) -> None:
    """The project itself where it is a package, else what it lists."""
    assert command == install_of({"pyproject.toml": PYPROJECT + more})


def test_setup_py_is_installed_without_being_read() -> None:
    """What it lists is only known by running it, which is the builder's business."""
    plan = plan_of({"setup.py": "setup(install_requires=['fastapi'])"})

    assert Step(command="uv pip install .", origin=Origin.DETECTED) == plan.install
    assert ("uvicorn[standard]",) == plan.added_packages


def test_requirements_are_read_as_pip_reads_them() -> None:
    """Includes, comments, hashes, markers, options, links and continued lines are understood."""
    requirements = """\
--index-url https://packages.example/simple
-r requirements/base.txt
-r requirements.txt
-e ./local
Django >= 4 ; python_version > "3.8"  # not the framework in use
uvicorn==0.30 \\
    --hash=sha256:aaaa
git+https://git.example/fast.git#egg=Fast.API
???
"""
    files = {"requirements.txt": requirements, "requirements/base.txt": "fastapi @ https://e.org/f"}

    plan = plan_of(files)

    assert () == plan.added_packages
    expected = Evidence(reason="fastapi is listed", path="requirements/base.txt", line=1)
    assert expected in plan.evidence


def test_install_command_of_the_project_needs_no_file_of_ours() -> None:
    """Who says how to install is believed, and the server is still added."""
    tree = MemoryTree({"main.py": APP, "poetry.lock": ""})

    plan = detect(tree, Wishes(install_command="pip install poetry && poetry install"))

    expected = Step(command="pip install poetry && poetry install", origin=Origin.PROJECT)
    assert expected == plan.install
    added = Step(command="uv pip install 'uvicorn[standard]'", origin=Origin.DETECTED)
    assert (added,) == plan.build


@pytest.mark.parametrize(
    "text",
    ['project = "x"', "[project]\ndependencies = 3", "[project]\ndependencies = [1, []]\nname = 1"],
)
def test_odd_toml_does_no_harm(text: str) -> None:
    """Values of unexpected types are as good as absent."""
    files = {
        "pyproject.toml": text,
        "uv.lock": "package = [1, {name = 2}]",
        "requirements.txt": "fastapi",
    }

    plan = plan_of(files)

    assert plan.package_manager in {"uv", "pip"}


@pytest.mark.parametrize("line", ["numpy=1.26.4=py311h64a7726_0", "\ufffdf\x00l\x00a\x00s\x00k"])
def test_line_that_is_no_requirement_is_pointed_at(line: str) -> None:
    """An export of Conda, or a file in another encoding, is seen before uv fails."""
    files = {"requirements.txt": f"# ours\n{line}\n", "app.py": "import x\nx.serve()\n"}

    plan = detect(MemoryTree(files), Wishes())

    [told] = [one for one in plan.evidence if "is no requirement" in one.reason]
    assert ("requirements.txt", 2) == (told.path, told.line)
