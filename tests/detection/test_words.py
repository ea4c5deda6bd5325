"""Who is nearer to the owner wins: the project, pushpaka.toml, the Procfile, what is found."""

from typing import Any

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect, explain
from pushpaka_core.domain.build_plans import BuildPlan, Origin, StaticSite, Step
from pushpaka_core.domain.run_settings import choose_settings
from pushpaka_core.errors import DetectionError
from pushpaka_core.testing.objects import a_project, a_user

FLASK = {
    "requirements.txt": "flask\ngunicorn\n",
    "main.py": "import flask\napp = flask.Flask('shop')\n",
}
SITE = {"public/index.html": ""}
COMMANDS = """
[commands]
install = "file install"
build = "file build"
start = "file start"
"""


def plan_of(files: dict[str, str], toml: str, **wishes: Any) -> BuildPlan:
    return detect(MemoryTree({**files, "pushpaka.toml": toml}), Wishes(**wishes))


def test_the_project_beats_the_file() -> None:
    """Each of its words replaces the file's, which beats what was found."""
    plan = plan_of(FLASK, COMMANDS, build_command="project build")

    assert Step(command="file install", origin=Origin.FILE) == plan.install
    assert (Step(command="project build", origin=Origin.PROJECT),) == plan.build
    assert {"web": Step(command="file start", origin=Origin.FILE)} == plan.processes


def test_the_file_beats_the_procfile() -> None:
    """Process by process: what only the Procfile names stays."""
    files = {**FLASK, "Procfile": "web: procfile web\nworker: procfile worker\nclock: tick"}

    plan = plan_of(files, COMMANDS + '[processes]\nworker = "file worker"')

    assert {
        "web": Step(command="file start", origin=Origin.FILE),
        "worker": Step(command="file worker", origin=Origin.FILE),
        "clock": Step(command="tick", origin=Origin.PROCFILE),
    } == plan.processes


def test_one_line_mends_a_wrong_guess() -> None:
    """What the file does not name is found as ever."""
    plan = plan_of(FLASK, "commands.start = 'gunicorn other:app'")

    assert "flask" == plan.framework
    assert Origin.DETECTED is plan.framework_origin
    assert "gunicorn other:app" == plan.processes["web"].command
    assert plan.install is not None
    assert Origin.DETECTED is plan.install.origin


def test_nothing_is_installed_or_built_where_the_file_says_so() -> None:
    """An empty command takes away what was found."""
    plan = plan_of(FLASK, '[commands]\ninstall = ""\nbuild = ""')

    assert (None, ()) == (plan.install, plan.build)


@pytest.mark.parametrize(
    ("chosen", "framework", "origin"),
    [
        ("flask", "flask", Origin.PROJECT),
        ("auto", "static", Origin.FILE),
        (None, "static", Origin.FILE),
    ],
)
def test_the_framework_is_chosen_likewise(
    chosen: str | None, framework: str, origin: Origin
) -> None:
    """A project that says "auto" says nothing."""
    tree = MemoryTree({**FLASK, **SITE, "pushpaka.toml": 'framework = "html"'})

    plan = detect(tree, Wishes(framework=chosen))

    assert (framework, origin) == (plan.framework, plan.framework_origin)


def test_settings_are_kept_in_the_plan() -> None:
    """They are weighed against the project's own when it is run."""
    plan = plan_of(FLASK, "replicas = 3\nenv.required = ['A']")

    assert (3, ("A",)) == (plan.settings.replicas, plan.settings.required_env)
    assert ("A",) == plan.missing_env({"B"})
    assert () == plan.missing_env({"A"})


def test_a_site_of_the_file_is_served_after_the_build() -> None:
    """The language still installs and builds; the Procfile's web process is not started."""
    files = {"requirements.txt": "mkdocs", "Procfile": "web: x\nworker: y"}

    plan = plan_of(files, "commands.build = 'mkdocs build'\nstatic.directory = 'site'")

    assert StaticSite(directory="site", origin=Origin.FILE) == plan.static
    assert ["worker"] == list(plan.processes)
    assert "python" == plan.language
    assert plan.install is not None
    assert "mkdocs build" == plan.build[-1].command


def test_a_site_of_the_file_needs_no_language() -> None:
    """Files that no tool has made are served from wherever the file says."""
    plan = plan_of({"pages/index.html": ""}, "static.directory = 'pages'")

    assert ("static", "static") == (plan.framework, plan.language)
    assert StaticSite(directory="pages", origin=Origin.FILE) == plan.static


def test_a_start_command_of_the_project_beats_a_site_of_the_file() -> None:
    """Then nothing is served as files."""
    plan = plan_of(SITE, "static.directory = 'public'", start_command="./serve")

    assert plan.static is None
    assert "./serve" == plan.processes["web"].command


def test_a_found_site_takes_the_pages_of_the_file() -> None:
    """Without a directory they are said of the one that was found."""
    plan = plan_of({**SITE, "public/404.html": ""}, "static.fallback = 'app.html'")

    expected = StaticSite(directory="public", fallback="app.html", origin=Origin.FILE)
    assert expected == plan.static


@pytest.mark.parametrize("files", [FLASK, {"Procfile": "web: x"}])
def test_pages_without_a_site_are_told(files: dict[str, str]) -> None:
    """A setting that has no effect is a mistake."""
    with pytest.raises(DetectionError, match=r"sets static\.fallback, but no files are served"):
        plan_of(files, "static.fallback = 'app.html'")


def test_the_file_lies_where_the_application_does() -> None:
    """In a repository of several applications each has its own."""
    files = {
        "pushpaka.toml": "port = 1",
        "web/pushpaka.toml": "port = 2",
        "web/index.html": "",
    }

    plan = detect(MemoryTree(files), Wishes(root_dir="web"))

    assert 2 == plan.settings.port


def test_the_log_says_how_it_is_run() -> None:
    """The settings that somebody chose are there with their units, the usual ones are not."""
    plan = plan_of(SITE, "replicas = 2\n[resources]\nmemory = 256")
    project = a_project(a_user(), health_check_timeout=5)

    lines = explain(plan, choose_settings(project, plan.settings))

    assert (
        "replicas: 2 [pushpaka.toml]",
        "health check timeout: 5 s [project]",
        "memory limit: 256 MiB [pushpaka.toml]",
    ) == lines[-3:]


def test_the_log_says_which_env_vars_are_missing() -> None:
    """Those that the code reads are told apart by whether they are set."""
    files = {**FLASK, "settings.py": "import os\nos.environ['A']\nos.environ['B']\n"}
    plan = plan_of(files, "env.required = ['B', 'C']")

    lines = explain(plan, set_names={"A"})

    assert (
        "the code reads A",
        "the code reads B: not set",
        "the repository requires B, C: not set",
    ) == lines[-3:]


def test_the_log_says_who_chose_what() -> None:
    """The choices of the file are marked with its name."""
    plan = plan_of({"pages/index.html": ""}, "framework = 'static'\nstatic.directory = 'pages'")

    assert (
        "Chosen: static [pushpaka.toml]",
        "  because pushpaka.toml sets framework, static.directory (pushpaka.toml:1)",
        "serves the files of pages [pushpaka.toml]",
    ) == explain(plan)
