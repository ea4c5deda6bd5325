"""The order of the words that count, and what is said where there is no plan."""

import pytest
from tests.detection.node_trees import package

from pushpaka_core.detection import (
    FRAMEWORKS,
    MemoryTree,
    Wishes,
    canonical_framework,
    detect,
    explain,
)
from pushpaka_core.domain.build_plans import Origin, Rejected, Step
from pushpaka_core.errors import DetectionError

FLASK = {
    "requirements.txt": "flask\ngunicorn\n",
    "main.py": "import flask\napp = flask.Flask('shop')\n",
}


def test_own_words_beat_everything() -> None:
    """Each of the project's commands replaces what was found, and keeps its origin."""
    wishes = Wishes(install_command="make deps", build_command="make", start_command="make run")

    plan = detect(MemoryTree({**FLASK, "Procfile": "web: x"}), wishes)

    assert Step(command="make deps", origin=Origin.PROJECT) == plan.install
    assert (Step(command="make", origin=Origin.PROJECT),) == plan.build
    assert {"web": Step(command="make run", origin=Origin.PROJECT)} == plan.processes
    assert "flask" == plan.framework


def test_blank_commands_are_no_words() -> None:
    """A command of spaces leaves the decision to detection."""
    plan = detect(MemoryTree(FLASK), Wishes(start_command="  ", install_command=""))

    assert Origin.DETECTED is plan.processes["web"].origin
    assert plan.install is not None
    assert Origin.DETECTED is plan.install.origin


def test_build_command_runs_after_the_added_server_is_installed() -> None:
    """A wish about the build does not take the server away."""
    tree = MemoryTree({**FLASK, "requirements.txt": "flask"})

    plan = detect(tree, Wishes(build_command="make"))

    assert ["uv pip install gunicorn", "make"] == [step.command for step in plan.build]


def test_same_tree_gives_the_same_plan() -> None:
    """A plan depends on nothing but what is given."""
    backwards = dict(reversed(FLASK.items()))

    assert detect(MemoryTree(FLASK), Wishes()) == detect(MemoryTree(backwards), Wishes())


def test_dockerfile_is_shown_as_rejected() -> None:
    """A person learns why their Dockerfile was not used."""
    plan = detect(MemoryTree({**FLASK, "Dockerfile": "FROM x"}), Wishes())

    reason = "there is a Dockerfile, but this runtime builds without one"
    assert Rejected(framework="dockerfile", reason=reason) == plan.rejected[0]


def test_dockerfile_alone_is_told() -> None:
    """Without anything else to build there is no plan."""
    with pytest.raises(DetectionError, match=r"there is a Dockerfile, but.*start_command"):
        detect(MemoryTree({"Dockerfile": "FROM x"}), Wishes())


def test_languages_that_come_later_are_said_to() -> None:
    """A package.json for the styles of a Flask application does not make it a Node one."""
    plan = detect(MemoryTree({**FLASK, "package.json": "{}"}), Wishes())

    reason = "package.json is there too, but Python comes first: set framework to have it otherwise"
    assert (Rejected(framework="node", reason=reason),) == plan.rejected


def test_page_of_a_node_project_is_its_own() -> None:
    """It is what the bundler builds, not a site that was passed over."""
    manifest = '{"devDependencies": {"vite": "^7"}}'

    plan = detect(MemoryTree({"package.json": manifest, "index.html": ""}), Wishes())

    assert ("vite", ()) == (plan.framework, plan.rejected)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("go.mod", "Go"),
        ("Cargo.toml", "Rust"),
        ("Gemfile", "Ruby"),
        ("shop.csproj", ".NET"),
    ],
)
def test_language_that_needs_an_image_is_told(path: str, title: str) -> None:
    """It is recognised by name, and what it needs and the ways out are named."""
    message = rf"{title} is known \({path} is there\), but needs a runtime of.*start_command"

    with pytest.raises(DetectionError, match=message):
        detect(MemoryTree({path: "", "public/index.html": ""}), Wishes())


def test_start_command_is_enough_for_any_language() -> None:
    """A shell runs what the project says, whatever the language."""
    wishes = Wishes(framework="rails", install_command="bundle", start_command="bin/rails s")

    plan = detect(MemoryTree({"Gemfile": ""}), wishes)

    assert "rails" == plan.framework
    assert "shell" == plan.language
    assert Step(command="bin/rails s", origin=Origin.PROJECT) == plan.processes["web"]


def test_start_command_beats_files_that_could_be_served() -> None:
    """A site with a start command is a program."""
    wishes = Wishes(start_command="python3 -m http.server $PORT")

    plan = detect(MemoryTree({"index.html": "", "Staticfile": ""}), wishes)

    assert plan.static is None
    assert "shell" == plan.language


def test_chosen_framework_of_a_later_language_is_told() -> None:
    """The choice is accepted as a name, but only images are made for it."""
    with pytest.raises(DetectionError, match=r"set to rails.*Ruby is known, but needs a"):
        detect(MemoryTree(FLASK), Wishes(framework="rails"))


def test_unknown_framework_is_told() -> None:
    """The message names the known ones."""
    with pytest.raises(DetectionError, match=r"'flusk' must be one of auto, .*did you mean flask"):
        detect(MemoryTree(FLASK), Wishes(framework="flusk"))


def test_start_script_is_run() -> None:
    """A start.sh by itself is an application."""
    plan = detect(MemoryTree({"start.sh": "exec ./server"}), Wishes())

    assert Step(command="bash start.sh", origin=Origin.DETECTED) == plan.processes["web"]


def test_empty_repository_is_told() -> None:
    """The message says what was looked for and what to add."""
    with pytest.raises(DetectionError, match=r"Looked for a Procfile.*requirements.txt.*Add a Pro"):
        detect(MemoryTree({}), Wishes())


def test_application_in_a_directory_is_hinted_at() -> None:
    """Who forgot root_dir is told where it could point."""
    tree = MemoryTree({"backend/requirements.txt": "", "web/package.json": "{}", "README.md": ""})

    with pytest.raises(DetectionError, match="an application in backend, web: set root_dir"):
        detect(tree, Wishes())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("auto", "auto"),
        ("FastAPI", "fastapi"),
        (" Next.js ", "nextjs"),
        ("create react app", "react"),
        ("react_router", "react-router"),
        ("golang", "go"),
        ("docker", "dockerfile"),
    ],
)
def test_names_are_understood_as_people_write_them(given: str, name: str) -> None:
    """Case, aliases, spaces and underscores do not matter."""
    assert name == canonical_framework(given)


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    """The sentence can be shown beside the field."""
    with pytest.raises(ValueError, match=r"must be one of auto, .*, fastapi, .*static"):
        canonical_framework("x" * 10_000)


def test_no_alias_means_two_frameworks() -> None:
    """Each word leads to one name."""
    words = [w for name, one in FRAMEWORKS.items() for w in (name, *one.aliases)]

    assert len(set(words)) == len(words)


def test_log_begins_with_what_and_why() -> None:
    """What was decided, the reasons with their places, what was passed over, and the commands."""
    files = {**FLASK, "Dockerfile": "", "api.py": "import os\nKEY = os.environ['API_KEY']"}

    lines = explain(detect(MemoryTree(files), Wishes(build_command="make")))

    assert (
        "Detected flask (python, installed by pip)",
        "  because `app` is a Flask application (main.py:2)",
        "  because the project brings gunicorn",
        "  because flask is listed (requirements.txt:1)",
        "  because it says what to install (requirements.txt)",
        "  because without a default it reads API_KEY (api.py:2)",
        "  not dockerfile: there is a Dockerfile, but this runtime builds without one",
        "install: uv pip install -r requirements.txt [detected]",
        "build: make [project]",
        "web: gunicorn main:app --bind ${HOST:-0.0.0.0}:$PORT [detected]",
        "the code reads API_KEY: not set",
    ) == lines


def test_log_of_a_site_names_its_files() -> None:
    """A site has no command, so its directory is told."""
    tree = MemoryTree({"public/index.html": "", "Staticfile": "pushstate: enabled"})

    lines = explain(detect(tree, Wishes()))

    assert "Detected static" == lines[0]
    assert "serves the files of public, index.html where no file fits [detected]" == lines[-1]


def test_log_of_a_site_names_its_error_page() -> None:
    """It is what visitors see at addresses that are not there."""
    lines = explain(detect(MemoryTree({"index.html": "", "404.html": ""}), Wishes()))

    assert "serves the files of ., 404.html as an error where no file fits [detected]" == lines[-1]


SCRAPER = {"requirements.txt": "httpx\n", "main.py": "import httpx\nprint(httpx.get('http://x'))\n"}


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"package.json": package("next", scripts={"start": "next start"})}, "nextjs"),
        ({"package.json": package("express", scripts={"start": "node ."})}, "express"),
        ({"index.html": ""}, "static"),
    ],
)
def test_script_that_shows_no_server_comes_after_one_that_does(
    files: dict[str, str], framework: str
) -> None:
    """A scraper beside an application or a page is a tool of it, and is told."""
    plan = detect(MemoryTree({**SCRAPER, **files}), Wishes())

    assert framework == plan.framework
    assert any("requirements.txt is there too" in one.reason for one in plan.rejected)


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": '{"devDependencies": {"prettier": "^3"}}'},
        {
            "main.py": "from http.server import HTTPServer, X\nHTTPServer(('', 8000), X)\n",
            "index.html": "",
        },
        {"main.py": "import web\nweb.new().run(port=8000)\n", "index.html": ""},
    ],
)
def test_script_is_run_where_nothing_serves_better(files: dict[str, str]) -> None:
    """It may be a server of a kind that is not known."""
    plan = detect(MemoryTree({**SCRAPER, **files}), Wishes())

    assert "python main.py" == plan.processes["web"].command


@pytest.mark.parametrize(
    "files",
    [{"composer.json": "{}", "public/index.php": ""}, {"Cargo.toml": "", "static/index.html": ""}],
)
def test_pages_of_an_application_are_not_hinted_at_as_another(files: dict[str, str]) -> None:
    """What lies in public or static belongs to what is there beside it."""
    with pytest.raises(DetectionError) as caught:
        detect(MemoryTree(files), Wishes())

    assert "There may be an application" not in str(caught.value)
