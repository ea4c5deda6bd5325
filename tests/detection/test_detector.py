"""Tests the order of precedence, the explanation of a plan, and the errors if there is no plan."""

from typing import Any

import pytest
from tests.detection.plans import Case, case, node, plan_of, rejections

from pushpaka_core.detection import FRAMEWORKS, BuildOverrides, canonical_framework, explain
from pushpaka_core.domain.deployments.run_settings import resolve_settings
from pushpaka_core.domain.pipeline.build_plans import Origin, StaticSite
from pushpaka_core.errors import DetectionError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project

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
SCRAPER = {"requirements.txt": "httpx\n", "main.py": "import httpx\nprint(httpx.get('http://x'))\n"}
PYTHON_FIRST = "Python takes precedence. Set framework to choose"
SCRAPER_TOLD = "requirements.txt exists too"
BY_FILE = StaticSite(directory="site", origin=Origin.FILE)


def toml(files: dict[str, str], text: str) -> dict[str, str]:
    """Return *files* with *text* as pushpaka.toml."""
    return {**files, "pushpaka.toml": text}


CASES: dict[str, Case] = {
    "the project's commands beat the Procfile and detection": case(
        {**FLASK, "Procfile": "web: x"},
        BuildOverrides(install_command="make deps", build_command="make", start_command="make run"),
        framework="flask",
        commands=["make deps", "make"],
        processes={"web": "make run"},
        origins={"install": Origin.PROJECT, "build": Origin.PROJECT, "web": Origin.PROJECT},
    ),
    "blank commands leave the decision to detection": case(
        FLASK,
        BuildOverrides(start_command="  ", install_command=""),
        origins={"install": Origin.DETECTED, "web": Origin.DETECTED},
    ),
    "a build command runs after an added server is installed": case(
        {**FLASK, "requirements.txt": "flask"},
        BuildOverrides(build_command="make"),
        build=["uv pip install gunicorn", "make"],
    ),
    "a start command is enough for any language": case(
        {"Gemfile": ""},
        BuildOverrides(framework="rails", install_command="bundle", start_command="bin/rails s"),
        framework="rails",
        language="shell",
        web="bin/rails s",
        origins={"web": Origin.PROJECT},
    ),
    "a start command beats files that could be served": case(
        {"index.html": "", "Staticfile": ""},
        BuildOverrides(start_command="python3 -m http.server $PORT"),
        language="shell",
        static=None,
    ),
    "start.sh is an application": case(
        {"start.sh": "exec ./server"},
        web="bash start.sh",
        origins={"web": Origin.DETECTED},
    ),
    "languages that come later are rejected": case(
        {**FLASK, "package.json": "{}"},
        rejected=[f"node: package.json exists too, but {PYTHON_FIRST}"],
    ),
    "the page of a Node.js project is its own": case(
        node("vite", {"index.html": ""}), framework="vite", rejected=[]
    ),
    **{
        f"a script without a server is run beside {files}": case(
            {**SCRAPER, **files}, web="python main.py"
        )
        for files in (
            node("prettier"),
            {
                "main.py": "from http.server import HTTPServer, X\nHTTPServer(('', 8000), X)\n",
                "index.html": "",
            },
            {"main.py": "import web\nweb.new().run(port=8000)\n", "index.html": ""},
        )
    },
    "pushpaka.toml comes between the project and detection": case(
        toml(FLASK, COMMANDS),
        BuildOverrides(build_command="project build"),
        commands=["file install", "project build"],
        web="file start",
        origins={"install": Origin.FILE, "build": Origin.PROJECT, "web": Origin.FILE},
    ),
    "pushpaka.toml beats the Procfile, process by process": case(
        {
            **toml(FLASK, COMMANDS + '[processes]\nworker = "file worker"'),
            "Procfile": "web: procfile web\nworker: procfile worker\nclock: tick",
        },
        processes={"web": "file start", "worker": "file worker", "clock": "tick"},
        origins={"web": Origin.FILE, "worker": Origin.FILE, "clock": Origin.PROCFILE},
    ),
    "what pushpaka.toml leaves open is detected": case(
        toml(FLASK, "commands.start = 'gunicorn other:app'"),
        framework="flask",
        web="gunicorn other:app",
        origins={"install": Origin.DETECTED},
    ),
    "empty commands of pushpaka.toml": case(
        toml(FLASK, '[commands]\ninstall = ""\nbuild = ""'), install=None, build=[]
    ),
    "a site of pushpaka.toml is served after the build": case(
        toml(
            {"requirements.txt": "mkdocs", "Procfile": "web: x\nworker: y"},
            "commands.build = 'mkdocs build'\nstatic.directory = 'site'",
        ),
        language="python",
        install="uv pip install -r requirements.txt",
        last="mkdocs build",
        processes={"worker": "y"},
        static=BY_FILE,
    ),
    "a site of pushpaka.toml needs no language": case(
        toml({"site/index.html": ""}, "static.directory = 'site'"),
        framework="static",
        language="static",
        static=BY_FILE,
    ),
    "a start command beats a site of pushpaka.toml": case(
        toml(SITE, "static.directory = 'public'"),
        BuildOverrides(start_command="./serve"),
        static=None,
        web="./serve",
    ),
    "pages of pushpaka.toml for a detected site": case(
        toml({**SITE, "public/404.html": ""}, "static.fallback = 'app.html'"),
        static=StaticSite(directory="public", fallback="app.html", origin=Origin.FILE),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("chosen_framework", "framework", "origin"),
    [
        ("flask", "flask", Origin.PROJECT),
        ("auto", "static", Origin.FILE),
        (None, "static", Origin.FILE),
    ],
)
def test_framework_is_chosen_in_order_of_precedence(
    chosen_framework: str | None, framework: str, origin: Origin
) -> None:
    """The project's setting takes precedence over pushpaka.toml, unless it is "auto"."""
    plan = plan_of(toml({**FLASK, **SITE}, 'framework = "html"'), framework=chosen_framework)

    assert (framework, origin) == (plan.framework, plan.framework_origin)


def test_settings_are_part_of_the_plan() -> None:
    plan = plan_of(toml(FLASK, "replicas = 3\nenv.required = ['A']"))

    assert (3, ("A",)) == (plan.settings.replicas, plan.settings.required_env)
    assert (("A",), ()) == (plan.missing_env({"B"}), plan.missing_env({"A"}))


def test_pushpaka_toml_is_in_the_directory_of_the_application() -> None:
    files = {"pushpaka.toml": "port = 1", "web/pushpaka.toml": "port = 2", "web/index.html": ""}

    assert 2 == plan_of(files, root_dir="web").settings.port


def test_same_tree_gives_the_same_plan() -> None:
    assert plan_of(FLASK) == plan_of(dict(reversed(FLASK.items())))


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        (node("next", start="next start"), "nextjs"),
        (node("express", start="node ."), "express"),
        ({"index.html": ""}, "static"),
    ],
)
def test_application_takes_precedence_over_a_script_without_a_server(
    files: dict[str, str], framework: str
) -> None:
    plan = plan_of({**SCRAPER, **files})

    assert framework == plan.framework
    assert any(SCRAPER_TOLD in reason for reason in rejections(plan).values())


@pytest.mark.parametrize(
    ("files", "overrides", "message"),
    [
        ({"Dockerfile": "FROM x"}, {}, r"Dockerfile exists, but.*start_command"),
        *(
            (
                {path: "", "public/index.html": ""},
                {},
                rf"{title} is supported \({path} exists\), but only by a container.*start_command",
            )
            for path, title in (
                ("go.mod", "Go"),
                ("Cargo.toml", "Rust"),
                ("Gemfile", "Ruby"),
                ("shop.csproj", ".NET"),
            )
        ),
        (
            FLASK,
            {"framework": "rails"},
            r"set to rails.*Ruby is supported, but only by a container runtime",
        ),
        (FLASK, {"framework": "flusk"}, r"'flusk' must be one of auto, .*did you mean flask"),
        ({}, {}, r"Looked for a Procfile.*requirements.txt.*Add a Pro"),
        (
            {"backend/requirements.txt": "", "web/package.json": "{}", "README.md": ""},
            {},
            "an application in backend, web. Set root_dir",
        ),
        *(
            (
                toml(files, "static.fallback = 'app.html'"),
                {},
                r"sets static\.fallback, but no static site is served",
            )
            for files in (FLASK, {"Procfile": "web: x"})
        ),
    ],
)
def test_repository_without_a_plan_is_refused(
    files: dict[str, str], overrides: dict[str, Any], message: str
) -> None:
    """The message explains what was found and what to change."""
    with pytest.raises(DetectionError, match=message):
        plan_of(files, **overrides)


@pytest.mark.parametrize(
    "files",
    [{"composer.json": "{}", "public/index.php": ""}, {"Cargo.toml": "", "static/index.html": ""}],
)
def test_public_directory_of_an_application_is_not_suggested(files: dict[str, str]) -> None:
    with pytest.raises(DetectionError, match=r"^((?!There may be an application).)*$"):
        plan_of(files)


@pytest.mark.parametrize(
    ("value", "name"),
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
def test_framework_names_are_normalized(value: str, name: str) -> None:
    assert name == canonical_framework(value)


def test_unknown_framework_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"must be one of auto, .*, fastapi, .*static"):
        canonical_framework("x" * 10_000)


def test_aliases_are_unambiguous() -> None:
    words = [w for name, one in FRAMEWORKS.items() for w in (name, *one.aliases)]

    assert len(set(words)) == len(words)


def test_log_explains_the_plan() -> None:
    """The log shows the decision, the reasons, rejected candidates, and commands."""
    files = {**FLASK, "Dockerfile": "", "api.py": "import os\nKEY = os.environ['API_KEY']"}

    lines = explain(plan_of(files, build_command="make"))

    assert (
        "Detected flask (python, pip)",
        "  because `app` is a Flask application (main.py:2)",
        "  because the project installs gunicorn",
        "  because flask is listed (requirements.txt:1)",
        "  because the file lists the dependencies (requirements.txt)",
        "  because the code reads API_KEY without a default (api.py:2)",
        "  skipped dockerfile: Dockerfile exists, but this runtime does not build images",
        "install: uv pip install -r requirements.txt [detected]",
        "build: make [project]",
        "web: gunicorn main:app --bind ${HOST:-0.0.0.0}:$PORT [detected]",
        "the code reads API_KEY (not set)",
    ) == lines


@pytest.mark.parametrize(
    ("files", "last_line"),
    [
        (
            {"public/index.html": "", "Staticfile": "pushstate: enabled"},
            "serves files from public, with index.html for unknown paths [detected]",
        ),
        (
            {"index.html": "", "404.html": ""},
            "serves files from ., with 404.html as 404 page [detected]",
        ),
    ],
)
def test_log_of_a_site_shows_its_directory(files: dict[str, str], last_line: str) -> None:
    assert last_line == explain(plan_of(files))[-1]


def test_log_marks_choices_of_pushpaka_toml() -> None:
    plan = plan_of(
        toml({"pages/index.html": ""}, "framework = 'static'\nstatic.directory = 'pages'")
    )

    assert (
        "Using static [pushpaka.toml]",
        "  because pushpaka.toml sets framework, static.directory (pushpaka.toml:1)",
        "serves files from pages [pushpaka.toml]",
    ) == explain(plan)


def test_log_lists_chosen_settings_with_their_units() -> None:
    plan = plan_of(toml(SITE, "replicas = 2\n[resources]\nmemory = 256"))
    project = a_project(a_user(), health_check_timeout=5)

    lines = explain(plan, resolve_settings(project, plan.settings))

    assert (
        "replicas: 2 [pushpaka.toml]",
        "health check timeout: 5 s [project]",
        "memory limit: 256 MiB [pushpaka.toml]",
    ) == lines[-3:]


def test_log_lists_missing_environment_variables() -> None:
    files = {**FLASK, "settings.py": "import os\nos.environ['A']\nos.environ['B']\n"}

    lines = explain(plan_of(toml(files, "env.required = ['B', 'C']")), env_var_names={"A"})

    assert (
        "the code reads A",
        "the code reads B (not set)",
        "the repository requires B, C (not set)",
    ) == lines[-3:]
