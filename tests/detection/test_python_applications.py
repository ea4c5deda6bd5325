"""Which Python application is found, and how it is started."""

from collections.abc import Mapping

import pytest
from tests.detection.node_trees import package

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step
from pushpaka_core.errors import DetectionError

UVICORN = "--host ${HOST:-0.0.0.0} --port $PORT"
GUNICORN = "--bind ${HOST:-0.0.0.0}:$PORT"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


def plan_of(files: Mapping[str, str], *, framework: str | None = None) -> BuildPlan:
    return detect(MemoryTree(files), Wishes(framework=framework))


def web_of(files: Mapping[str, str]) -> str:
    return plan_of(files).processes["web"].command


def test_fastapi_application_is_served_by_the_listed_uvicorn() -> None:
    """The object in main.py and the server in requirements.txt make the start command."""
    files = {"requirements.txt": "fastapi==0.115.0\nuvicorn[standard]\n", "main.py": FASTAPI}

    plan = plan_of(files)

    assert "fastapi" == plan.framework
    assert "python" == plan.language
    assert "pip" == plan.package_manager
    install = Step(command="uv pip install -r requirements.txt", origin=Origin.DETECTED)
    assert install == plan.install
    web = Step(command=f"uvicorn main:app {UVICORN}", origin=Origin.DETECTED)
    assert {"web": web} == plan.processes
    assert () == plan.build
    assert () == plan.added_packages


def test_reasons_name_file_and_line() -> None:
    """Each reason can be looked up in the repository."""
    files = {"requirements.txt": "# web\nfastapi\nuvicorn\n", "main.py": FASTAPI}

    plan = plan_of(files)

    assert (
        Evidence(reason="`app` is a FastAPI application", path="main.py", line=2),
        Evidence(reason="the project brings uvicorn"),
        Evidence(reason="fastapi is listed", path="requirements.txt", line=2),
        Evidence(reason="it says what to install", path="requirements.txt"),
    ) == plan.evidence


@pytest.mark.parametrize(
    ("package", "source", "framework", "command", "added"),
    [
        ("fastapi", FASTAPI, "fastapi", f"uvicorn main:app {UVICORN}", "uvicorn[standard]"),
        (
            "starlette",
            "from starlette.applications import Starlette\napp = Starlette()",
            "starlette",
            f"uvicorn main:app {UVICORN}",
            "uvicorn[standard]",
        ),
        (
            "litestar",
            "import litestar\napp = litestar.Litestar([])",
            "litestar",
            f"uvicorn main:app {UVICORN}",
            "uvicorn[standard]",
        ),
        (
            "falcon",
            "import falcon.asgi as f\napp = f.App()",
            "falcon",
            f"uvicorn main:app {UVICORN}",
            "uvicorn[standard]",
        ),
        ("flask", FLASK, "flask", f"gunicorn main:app {GUNICORN}", "gunicorn"),
        (
            "falcon",
            "import falcon\napp = falcon.App()",
            "falcon",
            f"gunicorn main:app {GUNICORN}",
            "gunicorn",
        ),
        (
            "bottle",
            "import bottle\napp = bottle.default_app()",
            "bottle",
            f"gunicorn main:app {GUNICORN}",
            "gunicorn",
        ),
        (
            "quart",
            "from quart import Quart\napp = Quart(__name__)",
            "quart",
            f"hypercorn main:app {GUNICORN}",
            None,
        ),
        (
            "sanic",
            "from sanic import Sanic\napp = Sanic('a')",
            "sanic",
            "sanic main:app --host=${HOST:-0.0.0.0} --port=$PORT",
            None,
        ),
    ],
)
def test_each_framework_gets_its_server(
    package: str, source: str, framework: str, command: str, added: str | None
) -> None:
    """A server that fits is taken, and added where the project brings none."""
    plan = plan_of({"requirements.txt": package, "main.py": source})

    assert framework == plan.framework
    assert command == plan.processes["web"].command
    assert ((added,) if added else ()) == plan.added_packages


def test_added_server_is_installed_and_said() -> None:
    """What the project does not bring is a build step of its own, with its reason."""
    plan = plan_of({"requirements.txt": "flask", "main.py": FLASK})

    assert (Step(command="uv pip install gunicorn", origin=Origin.DETECTED),) == plan.build
    reason = "gunicorn is added: the project brings no WSGI server"
    assert Evidence(reason=reason) in plan.evidence


@pytest.mark.parametrize(
    ("server", "command"),
    [
        ("hypercorn", f"hypercorn main:app {GUNICORN}"),
        ("granian", f"granian --interface asgi main:app {UVICORN}"),
        ("daphne", "daphne -b ${HOST:-0.0.0.0} -p $PORT main:app"),
    ],
)
def test_project_chooses_its_server(server: str, command: str) -> None:
    """Another server in the dependencies is used rather than adding one."""
    files = {"requirements.txt": f"fastapi\n{server}", "main.py": FASTAPI}

    assert command == web_of(files)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("main.py", "main:app"),
        ("app/main.py", "app.main:app"),
        ("app/__init__.py", "app:app"),
        ("shop/web/service.py", "shop.web.service:app"),
    ],
)
def test_application_is_found_wherever_it_is(path: str, target: str) -> None:
    """Modules of the root and of packages are imported by their dotted name."""
    files = {"requirements.txt": "fastapi\nuvicorn", path: FASTAPI}

    assert f"uvicorn {target} {UVICORN}" == web_of(files)


def test_src_is_put_on_the_import_path() -> None:
    """A module below src/ is imported without that directory's name."""
    files = {
        "requirements.txt": "fastapi\nuvicorn",
        "src/shop/__init__.py": "",
        "src/shop/main.py": FASTAPI,
    }

    assert f"PYTHONPATH=src uvicorn shop.main:app {UVICORN}" == web_of(files)


@pytest.mark.parametrize("said", ["from src.routes import r", "from .routes import r"])
def test_src_that_is_used_as_a_package_is_one(said: str) -> None:
    """Where the code itself imports from `src`, the server does too."""
    files = {
        "requirements.txt": "fastapi\nuvicorn",
        "src/main.py": f"{said}\n{FASTAPI}",
        "src/routes.py": "r = 1",
    }

    assert f"uvicorn src.main:app {UVICORN}" == web_of(files)


def test_directory_whose_modules_import_each_other_is_put_on_the_path() -> None:
    """backend/main.py that imports its neighbour by plain name works only from backend/."""
    files = {
        "requirements.txt": "fastapi\nuvicorn",
        "backend/main.py": f"from routes import r\n{FASTAPI}",
        "backend/routes.py": "r = 1",
    }

    assert f"PYTHONPATH=backend uvicorn main:app {UVICORN}" == web_of(files)


@pytest.mark.parametrize(
    "source",
    [
        "import fastapi\napp: fastapi.FastAPI = fastapi.FastAPI()",
        "from fastapi import FastAPI as Api\napp = Api(title='x')",
        "import fastapi as f\nif True:\n    app = f.FastAPI()",
        "try:\n    from fastapi import FastAPI\nexcept ImportError:\n    raise\napp = FastAPI()",
        "from fastapi import FastAPI\nclass Shop(FastAPI): ...\napp = Shop()",
        "from fastapi import FastAPI\nother = app = FastAPI()",
        "from fastapi import FastAPI\ndef make(x): return FastAPI()\napp = make(1)",
    ],
)
def test_application_is_found_however_it_is_written(source: str) -> None:
    """Imports, annotations, branches, subclasses and factories are followed."""
    files = {"requirements.txt": "fastapi\nuvicorn", "main.py": source}

    assert f"uvicorn main:app {UVICORN}" == web_of(files)


@pytest.mark.parametrize(
    "source",
    [
        "app = FastAPI()",
        "# from fastapi import FastAPI\nx = 'app = FastAPI()'",
        "from fastapi import FastAPI\nif __name__ == '__main__':\n    app = FastAPI()",
        "from fastapi import FastAPI\ndef f():\n    app = FastAPI()",
    ],
)
def test_what_only_looks_like_an_application_is_none(source: str) -> None:
    """An unbound name, a comment, a script's own variable and a local one are not served."""
    files = {"requirements.txt": "fastapi\nuvicorn", "main.py": source}

    assert "python main.py" == web_of(files)


def test_package_is_matched_by_its_exact_name() -> None:
    """flask-cors is not Flask."""
    files = {"requirements.txt": "flask-cors\n", "main.py": "import flask_cors\n"}

    plan = plan_of(files)

    assert "python" == plan.framework
    assert () == plan.added_packages


@pytest.mark.parametrize(
    ("package", "source", "command"),
    [
        (
            "fastapi\nuvicorn",
            "from fastapi import FastAPI\ndef create_app(debug=False):\n    return FastAPI()",
            f"uvicorn --factory main:create_app {UVICORN}",
        ),
        (
            "flask\ngunicorn",
            "def create_app():\n    from flask import Flask\n    app = Flask('x')\n    return app",
            f"gunicorn 'main:create_app()' {GUNICORN}",
        ),
    ],
)
def test_factory_is_called_by_the_server(package: str, source: str, command: str) -> None:
    """A function that makes the application is used where no object is there."""
    assert command == web_of({"requirements.txt": package, "main.py": source})


def test_factory_that_needs_arguments_is_not_called() -> None:
    """Nobody knows what to give to it, so it is named, and another way is asked for."""
    source = "from flask import Flask\ndef create_app(config, *, debug):\n    return Flask('x')"

    with pytest.raises(
        DetectionError, match=r"`create_app` in shop/factory.py:2.*needs config, debug"
    ):
        plan_of({"requirements.txt": "flask", "shop/factory.py": source})


def test_object_made_by_another_module_is_found() -> None:
    """wsgi.py that calls the package's re-exported factory holds the application."""
    files = {
        "requirements.txt": "flask\ngunicorn",
        "shop/__init__.py": "from .factory import create_app",
        "shop/factory.py": "import flask\ndef create_app(c):\n    return flask.Flask('x')",
        "wsgi.py": "from shop import create_app\napplication = create_app('prod')",
    }

    assert f"gunicorn wsgi:application {GUNICORN}" == web_of(files)


def test_likeliest_of_several_is_taken_and_the_others_are_said() -> None:
    """The usual file and the usual variable win."""
    files = {
        "requirements.txt": "fastapi\nuvicorn",
        "app/main.py": "from fastapi import FastAPI\nadmin = FastAPI()\napp = FastAPI()",
        "app/tool.py": FASTAPI,
    }

    plan = plan_of(files)

    assert f"uvicorn app.main:app {UVICORN}" == plan.processes["web"].command
    first, second = "`admin` in app/main.py:2", "`app` in app/tool.py:2"
    ending = "would do too, but `app` in app/main.py:3 comes first"
    assert (
        Rejected(framework="fastapi", reason=f"{first} {ending}"),
        Rejected(framework="fastapi", reason=f"{second} {ending}"),
    ) == plan.rejected


@pytest.mark.parametrize("directory", ["tests", "docs", "examples", ".venv/lib", "node_modules/x"])
def test_applications_beside_the_project_are_not_taken(directory: str) -> None:
    """Tests, examples and installed packages hold applications that nobody means."""
    with pytest.raises(DetectionError):
        plan_of({"requirements.txt": "fastapi", f"{directory}/main.py": FASTAPI})


@pytest.mark.parametrize(
    ("server", "command"),
    [
        ("gunicorn", f"gunicorn shop.wsgi:application {GUNICORN}"),
        ("uvicorn", f"uvicorn shop.asgi:application {UVICORN}"),
        ("", f"gunicorn shop.wsgi:application {GUNICORN}"),
    ],
)
def test_django_is_served_by_what_the_project_brings(server: str, command: str) -> None:
    """Of the two applications that Django writes, the one whose server is there is taken."""
    wsgi = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()"
    files = {
        "requirements.txt": f"Django\n{server}",
        "manage.py": "",
        "shop/__init__.py": "",
        "shop/wsgi.py": wsgi,
        "shop/asgi.py": wsgi.replace("wsgi", "asgi"),
    }

    plan = plan_of(files)

    assert "django" == plan.framework
    assert command == plan.processes["web"].command


@pytest.mark.parametrize(
    ("files", "framework", "command"),
    [
        ({"main.py": "print(1)"}, "python", "python main.py"),
        ({"requirements.txt": "", "src/main.py": "print(1)"}, "python", "python src/main.py"),
        ({"requirements.txt": "", "app/main.py": "import app.x"}, "python", "python -m app.main"),
        (
            {"requirements.txt": "aiohttp", "main.py": "from aiohttp import web"},
            "aiohttp",
            "python main.py",
        ),
        (
            {"requirements.txt": "gradio", "app.py": "import gradio as gr"},
            "gradio",
            "GRADIO_SERVER_NAME=${HOST:-0.0.0.0} GRADIO_SERVER_PORT=$PORT python app.py",
        ),
        (
            {"requirements.txt": "streamlit", "streamlit_app.py": "import streamlit"},
            "streamlit",
            (
                "streamlit run streamlit_app.py --server.address ${HOST:-0.0.0.0}"
                " --server.port $PORT --server.headless true"
            ),
        ),
    ],
)
def test_script_is_run(files: Mapping[str, str], framework: str, command: str) -> None:
    """Where no application object is found, a file with a usual name is run."""
    plan = plan_of(files)

    assert framework == plan.framework
    assert command == plan.processes["web"].command


def test_chosen_framework_is_the_only_one_looked_for() -> None:
    """The project's framework decides between two applications."""
    files = {"requirements.txt": "fastapi\nflask", "main.py": FASTAPI, "app.py": FLASK}

    assert "fastapi" == plan_of(files).framework
    assert "flask" == plan_of(files, framework="Flask").framework


def test_chosen_framework_that_is_not_there_is_told() -> None:
    """Nothing else is served in its place."""
    files = {"requirements.txt": "fastapi", "main.py": FASTAPI}

    with pytest.raises(DetectionError, match="framework is set to flask, but no plan"):
        plan_of(files, framework="flask")


def test_file_with_a_syntax_error_is_passed_over_and_said() -> None:
    """The rest of the project is still looked at."""
    files = {"requirements.txt": "fastapi\nuvicorn", "main.py": FASTAPI, "api.py": "x = 1\ndef (:"}

    plan = plan_of(files)

    reason = "api.py has a syntax error in line 2, and was passed over"
    assert (Rejected(framework="python", reason=reason),) == plan.rejected


def test_syntax_error_in_the_only_file_is_told() -> None:
    """A person learns which file and line kept the application from being found."""
    with pytest.raises(DetectionError, match=r"main.py has a syntax error in line 1"):
        plan_of({"requirements.txt": "fastapi", "main.py": "from fastapi import"})


def test_application_whose_package_is_listed_nowhere_is_refused() -> None:
    """It could only fail at its start, so it is said before."""
    with pytest.raises(DetectionError, match=r"main.py needs fastapi, but nothing says"):
        plan_of({"main.py": FASTAPI})


def test_names_of_env_vars_are_seen() -> None:
    """Literal reads of the environment are named, but for what the platform gives."""
    source = """
import os
from os import environ as env, getenv
A = os.environ["A_KEY"], os.environ.get("B_KEY", ""), env["C_KEY"], getenv("D_KEY")
B = os.environ["PORT"], os.getenv("APP_URL"), os.environ[name], {}["E_KEY"], os.getenv("no way")
"""

    plan = plan_of({"main.py": source})

    assert ("A_KEY", "B_KEY", "C_KEY", "D_KEY") == plan.env_names


SERVED = {"requirements.txt": "flask\ngunicorn\n", "app.py": "import flask\napp = flask.Flask('x')"}


def test_styles_are_built_before_python_serves_them() -> None:
    """The package.json of a Python application has a script build for that."""
    manifest = package("tailwindcss", scripts={"build": "tailwindcss -i a.css -o static/a.css"})

    plan = plan_of({**SERVED, "package.json": manifest, "package-lock.json": ""})

    assert ("flask", "python") == (plan.framework, plan.language)
    assert ["npm ci --include=dev", "npm run build"] == [step.command for step in plan.build]
    assert "gunicorn app:app --bind ${HOST:-0.0.0.0}:$PORT" == plan.processes["web"].command


@pytest.mark.parametrize(
    "manifest",
    [
        package("prettier", scripts={"lint": "prettier ."}),
        package("next", scripts={"build": "next build", "start": "next start"}),
    ],
)
def test_what_python_does_not_serve_is_not_built(manifest: str) -> None:
    """Tools without a build, and a server of its own, are no part of the application."""
    plan = plan_of({**SERVED, "package.json": manifest})

    assert () == plan.build


@pytest.mark.parametrize(
    ("server", "path", "code", "command"),
    [
        (
            "gunicorn",
            "wsgi.py",
            "def application(environ, start_response):\n    return []\n",
            f"gunicorn wsgi:application {GUNICORN}",
        ),
        (
            "uvicorn",
            "main.py",
            "async def app(scope, receive, send):\n    pass\n",
            f"uvicorn main:app {UVICORN}",
        ),
        (
            "uvicorn",
            "app.py",
            "from ariadne.asgi import GraphQL\napp = GraphQL(schema)\n",
            f"uvicorn app:app {UVICORN}",
        ),
        (
            "gunicorn\nuvicorn",
            "shop/wsgi.py",
            "from shop.server import application\n",
            f"gunicorn shop.wsgi:application {GUNICORN}",
        ),
    ],
)
def test_application_of_an_unknown_framework_is_served(
    server: str, path: str, code: str, command: str
) -> None:
    """What a server can call is served by the one that the project brings."""
    assert command == web_of({"requirements.txt": server, "shop/__init__.py": "", path: code})


@pytest.mark.parametrize(
    ("requirements", "code"),
    [
        ("uvicorn", "import typer\napp = typer.Typer()\n"),
        ("httpx", "import x\napp = x.App()\n"),
        ("uvicorn", "app = 1\n"),
        ("gunicorn", "async def app(scope, receive, send):\n    pass\n"),
    ],
)
def test_what_no_server_can_call_is_run(requirements: str, code: str) -> None:
    """A command line tool is not served, nor anything without its server."""
    assert "python main.py" == web_of({"requirements.txt": requirements, "main.py": code})


@pytest.mark.parametrize(
    ("requirements", "code"),
    [
        ("quart", "from quart import Quart\napp = Quart('x')\napp.run(port=5000)\n"),
        (
            "fastapi\nuvicorn",
            "import fastapi, uvicorn\napp = fastapi.FastAPI()\nuvicorn.run(app, port=8000)\n",
        ),
    ],
)
def test_program_with_a_port_of_its_own_is_told(requirements: str, code: str) -> None:
    """It is run as it is, and will not be found where it has to listen."""
    plan = plan_of({"requirements.txt": requirements, "main.py": code})

    assert "python main.py" == plan.processes["web"].command
    assert any(one.reason.startswith("nothing in the code says PORT") for one in plan.evidence)


def test_application_that_flask_is_told_of_comes_first() -> None:
    """The project says itself which one it runs."""
    files = {"requirements.txt": "flask\ngunicorn", "app.py": FLASK, "shop/web.py": FLASK}

    command = web_of({**files, ".flaskenv": "FLASK_APP=shop/web.py\nFLASK_DEBUG=1\n"})

    assert f"gunicorn shop.web:app {GUNICORN}" == command
