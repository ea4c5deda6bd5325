"""Which program of a Go module is built, and what it is made with."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

MAIN = "package main\n\nfunc main() {}\n"
BUILD = "go build -trimpath -ldflags='-s -w' -o"


def test_package_of_the_module_is_built() -> None:
    """The module's own package comes before its commands; go.mod says the version."""
    files = {"go.mod": "module shop\n\ngo 1.25.3\n", "main.go": MAIN, "cmd/tool/main.go": MAIN}

    plan = image_plan(files)

    assert ["go mod download", f"{BUILD} bin/app ."] == commands(plan)
    assert "./bin/app" == web(plan)
    assert ("go", "1.25.3") == (plan.language, plan.language_version)
    assert ["the module is a program (main.go:None)", "Go 1.25.3 is asked for (go.mod:3)"] == (
        reasons(plan)
    )


@pytest.mark.parametrize(
    ("names", "chosen"),
    [(["worker", "api"], "api"), (["zebra", "ant"], "ant"), (["tool", "server", "api"], "server")],
)
def test_a_command_that_serves_is_preferred(names: list[str], chosen: str) -> None:
    """Usual names of servers come first, then the alphabet; the others are told."""
    files = {f"cmd/{name}/run.go": MAIN for name in names}

    plan = image_plan({"go.mod": "module shop", **files})

    others = ", ".join(sorted(set(names) - {chosen}))
    assert f"{BUILD} bin/app ./cmd/{chosen}" == commands(plan)[-1]
    assert f"cmd/{chosen} is a program; there are" in reasons(plan)[0]
    assert all(name in reasons(plan)[0] for name in others.split(", "))


def test_all_commands_are_built_for_a_procfile() -> None:
    """Who names the processes finds each program by its own name."""
    files = {"go.mod": "module shop", "cmd/api/a.go": MAIN, "cmd/worker/b.go": MAIN}

    plan = image_plan({**files, "Procfile": "web: bin/api\nworker: bin/worker\n"})

    assert f"{BUILD} bin/ ./cmd/api ./cmd/worker" == commands(plan)[-1]
    assert "bin/api" == web(plan)


def test_modules_of_a_workspace_are_looked_into() -> None:
    """The first one with a program is built."""
    work = "go 1.24\n\nuse (\n\t./libs\n\t./web // ours\n)\n"
    files = {"go.work": work, "libs/go.mod": "", "libs/a.go": "package libs", "web/go.mod": ""}

    plan = image_plan({**files, "web/main.go": MAIN})

    assert f"{BUILD} bin/app ./web" == commands(plan)[-1]
    assert "1.24" == plan.language_version


def test_module_above_the_application_counts() -> None:
    """A directory of a module is built as a package of it."""
    files = {"go.mod": "module shop\n\ngo 1.24\n", "cmd/api/main.go": MAIN, "cmd/api/b.go": MAIN}

    plan = image_plan(files, root_dir="cmd/api")

    assert ["go mod download", f"{BUILD} bin/app ."] == commands(plan)
    assert "1.24" == plan.language_version


def test_single_file_needs_no_module() -> None:
    """A main.go is compiled by itself, and nothing is downloaded for it."""
    assert [f"{BUILD} bin/app main.go"] == commands(image_plan({"main.go": MAIN}))


def test_vendored_packages_are_not_downloaded() -> None:
    """What is in the repository is used."""
    files = {"go.mod": "module shop", "vendor/modules.txt": "", "main.go": MAIN}

    assert image_plan(files).install is None


@pytest.mark.parametrize(
    ("required", "framework"),
    [
        ("require github.com/gin-gonic/gin v1.10.0", "gin"),
        ("require (\n\tgithub.com/labstack/echo/v4 v4.1.0\n)", "echo"),
        ("require github.com/gofiber/fiber/v2 v2.0.0", "fiber"),
        ("require github.com/gofiber/fiber-contrib v1.0.0", "go"),
    ],
)
def test_framework_is_required_by_its_exact_name(required: str, framework: str) -> None:
    """A module with a longer name is another one."""
    plan = image_plan({"go.mod": f"module shop\n\n{required}\n", "main.go": MAIN})

    assert framework == plan.framework


def test_env_vars_that_are_read_are_named() -> None:
    """Those that the platform sets are not among them."""
    code = 'package main\nvar a, b = os.Getenv("DATABASE_URL"), os.Getenv("PORT")\n'

    plan = image_plan({"go.mod": "module shop", "main.go": code})

    assert ("DATABASE_URL",) == plan.env_names


def test_library_is_told_from_a_program() -> None:
    """Nothing can be started in it, tests and generators included."""
    files = {"go.mod": "module shop", "shop.go": "package shop", "main_test.go": MAIN}

    with pytest.raises(DetectionError, match="no package main was found"):
        image_plan({**files, "gen.go": f"//go:build ignore\n\n{MAIN}"})
