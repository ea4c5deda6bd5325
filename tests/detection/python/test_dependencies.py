"""Tests which file lists the packages of a Python project, and how they are installed."""

import pytest
from tests.detection.plans import Case, case, plan_of

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.errors import DetectionError

APP = {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}
EXPORTED = "locked-requirements.txt"
UVICORN = "uvicorn main:app --host ${HOST:-0.0.0.0} --port $PORT"
HYPERCORN = "hypercorn main:app --bind ${HOST:-0.0.0.0}:$PORT"
PROJECT = '[project]\nname = "shop"\ndependencies = ["fastapi"]\n'
NORMALIZED = """
[project]
name = "shop"
requires-python = ">=3.11"
dependencies = [
    "Fast_API[standard]>=0.1",
    "fastapi",
]
"""
POETRY = """\
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.9"
FastAPI = "^0.115"
"""
POETRY_LOCK = """
[[package]]
name = "fastapi"
version = "0.115.0"
groups = ["main"]
[[package]]
name = "uvicorn"
version = "0.30.0"
groups = ["main", "dev"]
[[package]]
name = "hypercorn"
version = "0.17.0"
groups = ["dev"]
"""
OLD_POETRY_LOCK = """
[[package]]
name = "fastapi"
version = "0.110.0"
[package.dependencies]
hypercorn = ">=0.1"
uvicorn = {version = "*", optional = true}
[[package]]
name = "hypercorn"
version = "0.17.0"
[[package]]
name = "uvicorn"
version = "0.30.0"
"""
PDM_LOCK = POETRY_LOCK.replace('"main"', '"default"')
PIPFILE = """
[[source]]
name = "pypi"
[packages]
fastapi = "*"
[dev-packages]
uvicorn = "*"
"""
PIPFILE_LOCK = '{"default": {"fastapi": {"version": "==0.115.0"}, "hypercorn": {}}, "develop": {}}'
PYLOCK = """
[[packages]]
name = "fastapi"
version = "0.115.0"
[[packages]]
name = "uvicorn"
marker = "'dev' in dependency_groups"
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
version = "0.116.0"
[package.optional-dependencies]
standard = [{ name = "uvicorn" }]
[[package]]
name = "uvicorn"
[[package]]
name = "hypercorn"
"""
REQUIREMENTS = """\
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
DISAGREE = "the files differ in fastapi (0.116.0 there, 0.115.0 here)"
NO_PROJECT = "there is no pyproject.toml next to it that describes the project"
EDITABLE = "uv pip install --no-deps --editable ."

LOCKED = [
    ({"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK}, "poetry", UVICORN),
    ({"pyproject.toml": POETRY, "poetry.lock": OLD_POETRY_LOCK}, "poetry", HYPERCORN),
    ({"pyproject.toml": PROJECT, "poetry.lock": POETRY_LOCK}, "poetry", UVICORN),
    ({"pyproject.toml": PROJECT, "pdm.lock": PDM_LOCK}, "pdm", UVICORN),
    ({"Pipfile": PIPFILE, "Pipfile.lock": PIPFILE_LOCK}, "pipenv", HYPERCORN),
]
LISTED = [
    (
        {"pyproject.toml": POETRY + 'web = {version = "~1.2", extras = ["all"]}\n'},
        "uv pip install 'FastAPI>=0.115,<0.116' 'web[all]>=1.2,<1.3'",
    ),
    ({"Pipfile": PIPFILE}, "uv pip install fastapi"),
    ({"requirements.in": "fastapi"}, "uv pip install -r requirements.in"),
    (
        {"requirements/base.txt": "fastapi", "requirements/production.txt": "-r base.txt"},
        "uv pip install -r requirements/production.txt",
    ),
]
BUILD_SYSTEMS = {
    "": "uv pip install -r pyproject.toml",
    '[build-system]\nrequires = ["hatchling"]': "uv pip install -r pyproject.toml",
    '[build-system]\n[tool.setuptools]\npy-modules = ["main"]': "uv pip install .",
    "[build-system]\n[tool.uv]\npackage = false": "uv pip install -r pyproject.toml",
}
UNUSED = [
    (
        {"pyproject.toml": POETRY, "uv.lock": "", "poetry.lock": POETRY_LOCK},
        "uv.lock: pyproject.toml has no [project] table, which uv requires",
    ),
    (
        {"poetry.lock": POETRY_LOCK, "requirements.txt": "fastapi"},
        f"poetry.lock: {NO_PROJECT}",
    ),
    ({"uv.lock": UV_LOCK, "requirements.txt": "fastapi"}, f"uv.lock: {NO_PROJECT}"),
    (
        {"pyproject.toml": PROJECT, "requirements.txt": "fastapi"},
        "pyproject.toml: requirements.txt takes precedence",
    ),
    (
        {"Pipfile": PIPFILE, "Pipfile.lock": PIPFILE_LOCK, "requirements.txt": "fastapi"},
        "requirements.txt: Pipfile.lock has locked versions",
    ),
    (
        {"pyproject.toml": NORMALIZED, "uv.lock": UV_LOCK, "requirements.txt": "flask"},
        "requirements.txt: uv.lock has locked versions",
    ),
    (
        {"pyproject.toml": PROJECT, "uv.lock": UV_LOCK, "poetry.lock": POETRY_LOCK},
        f"poetry.lock: uv.lock takes precedence; {DISAGREE}",
    ),
]

CASES: dict[str, Case] = {
    "uv.lock, with a server of an extra": case(
        {**APP, "pyproject.toml": NORMALIZED, "uv.lock": UV_LOCK},
        manager="uv",
        install="uv sync --frozen --no-dev",
        web=UVICORN,
        added=(),
    ),
    "uv.lock, with a server in the dev group": case(
        {
            **APP,
            "pyproject.toml": NORMALIZED,
            "uv.lock": UV_LOCK.replace(', extra = ["standard"]', ""),
        },
        added=("uvicorn[standard]",),
    ),
    "pylock.toml": case(
        {**APP, "pylock.toml": PYLOCK},
        install="uv pip install --preview-features pylock -r pylock.toml",
        added=("uvicorn[standard]",),
    ),
    "setup.py is not run to read it": case(
        {**APP, "setup.py": "setup(install_requires=['fastapi'])"},
        install="uv pip install .",
        added=("uvicorn[standard]",),
    ),
    "requirements with includes, hashes, markers, links and continued lines": case(
        {
            **APP,
            "requirements.txt": REQUIREMENTS,
            "requirements/base.txt": "fastapi @ https://e.org/f",
        },
        added=(),
        reasons=["fastapi is listed (requirements/base.txt:1)"],
    ),
    "requirements that install the project": case(
        {
            **APP,
            "requirements.txt": "-e .",
            "pyproject.toml": '[project]\ndependencies = ["fastapi", "uvicorn"]',
        },
        added=(),
        rejected=[],
    ),
    "a dependency as a key of a table": case(
        {**APP, "pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK},
        reasons=["fastapi is listed (pyproject.toml:5)"],
    ),
    "the project's install command, and the server that it may lack": case(
        {**APP, "poetry.lock": ""},
        BuildOverrides(install_command="pip install poetry && poetry install"),
        commands=[
            "pip install poetry && poetry install",
            "uv pip install 'uvicorn[standard]'",
        ],
    ),
    "a framework that is imported and not listed": case(
        {**APP, "requirements.txt": "httpx"},
        added=("fastapi", "uvicorn[standard]"),
        reasons=["fastapi is added: the code imports it, but no file lists it"],
    ),
    "a framework that another package depends on": case(
        {**APP, "requirements.txt": "fastapi-users\nuvicorn"}, added=()
    ),
    **{
        f"without a lock: {install}": case({**APP, **files}, install=install)
        for files, install in LISTED
    },
    **{
        f"pyproject.toml with {more!r}": case(
            {**APP, "pyproject.toml": NORMALIZED + more}, install=install
        )
        for more, install in BUILD_SYSTEMS.items()
    },
    **{reason: case({**APP, **files}, rejected=[reason]) for files, reason in UNUSED},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(("files", "manager", "server"), LOCKED)
def test_locked_packages_are_exported_and_installed_by_uv(
    files: dict[str, str], manager: str, server: str
) -> None:
    """The lock file determines whether a server has to be added."""
    plan = plan_of({**APP, **files})

    assert (manager, ()) == (plan.package_manager, plan.added_packages)
    assert plan.install is not None
    assert f"'{manager}" in plan.install.command or f"{manager}[" in plan.install.command
    assert plan.install.command.endswith(f"{EXPORTED} && uv pip install -r {EXPORTED}")
    assert server == plan.processes["web"].command


@pytest.mark.parametrize("files", [files for files, _ in LISTED])
def test_package_without_a_lock_is_listed(files: dict[str, str]) -> None:
    assert "fastapi is listed" in [one.reason for one in plan_of({**APP, **files}).evidence]


@pytest.mark.parametrize(
    ("changed_files", "files", "is_installed"),
    [
        ("", {"shop/__init__.py": ""}, False),
        ("[build-system]\n", {}, False),
        ("[build-system]\n", {"shop/__init__.py": ""}, True),
        ("[build-system]\n", {"src/shop/__init__.py": ""}, True),
        ("[build-system]\n[tool.poetry]\npackage-mode = false\n", {"shop/__init__.py": ""}, False),
        ('[build-system]\n[tool.poetry]\nreadme = "README.md"\n', {"shop.py": ""}, False),
        ('[build-system]\n[tool.poetry]\npackages = [{include = "x"}]\n', {}, True),
    ],
)
def test_project_is_installed_if_it_is_a_package(
    changed_files: str, files: dict[str, str], *, is_installed: bool
) -> None:
    """Without a build system, code or its readme, the project cannot be built."""
    tree = {**APP, "pyproject.toml": PROJECT + changed_files, "poetry.lock": POETRY_LOCK, **files}

    install = plan_of(tree).install

    assert install is not None
    assert is_installed == install.command.endswith(EDITABLE)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        *(
            (
                {"pyproject.toml": PROJECT, path: "[project]\nname = = 1"},
                rf"{path} is not valid TOML: .*line 2, column 8",
            )
            for path in ("pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile")
        ),
        (
            {"Pipfile": PIPFILE, "Pipfile.lock": '{\n  default": 1}'},
            r"Pipfile.lock is not valid JSON: .*line 2, column 3",
        ),
        (
            {"environment.yml": "dependencies:\n  - fastapi"},
            r"environment.yml: Conda environments are not",
        ),
        (
            {"poetry.lock": POETRY_LOCK},
            r"poetry.lock: there is no pyproject.toml next to it",
        ),
    ],
)
def test_unusable_file_is_refused(files: dict[str, str], message: str) -> None:
    """Messages about syntax errors contain the file, the line and the column."""
    with pytest.raises(DetectionError, match=message):
        plan_of({**APP, **files})


@pytest.mark.parametrize(
    "text",
    ['project = "x"', "[project]\ndependencies = 3", "[project]\ndependencies = [1, []]\nname = 1"],
)
def test_toml_values_of_other_types_are_ignored(text: str) -> None:
    lock = "package = [1, {name = 2}]"

    plan = plan_of({**APP, "pyproject.toml": text, "uv.lock": lock, "requirements.txt": "fastapi"})

    assert plan.package_manager in {"uv", "pip"}


@pytest.mark.parametrize("line", ["numpy=1.26.4=py311h64a7726_0", "\ufffdf\x00l\x00a\x00s\x00k"])
def test_invalid_requirement_line_is_reported(line: str) -> None:
    """Conda exports, for example, are reported, because uv would reject them later."""
    plan = plan_of({"requirements.txt": f"# ours\n{line}\n", "app.py": "import x\nx.serve()\n"})

    [found] = [one for one in plan.evidence if "is not a valid requirement" in one.reason]
    assert ("requirements.txt", 2) == (found.path, found.line)
