"""Tests Python applications and scripts, and the servers that start them."""

import pytest
from tests.detection.plans import Case, case, package, plan_of

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.errors import DetectionError

HOST = "${HOST:-0.0.0.0}"
UVICORN = f"--host {HOST} --port $PORT"
GUNICORN = f"--bind {HOST}:$PORT"
STREAMLIT = f"--server.address {HOST} --server.port $PORT --server.headless true"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
BROUGHT = {"requirements.txt": "fastapi\nuvicorn"}
FLASK_BROUGHT = {"requirements.txt": "flask\ngunicorn"}
NO_PORT = "the code does not read PORT, but must listen on that port"
AIOHTTP = "from aiohttp import web\n"
BOTTLE = "from bottle import route, run\n@route('/')\ndef index(): ...\nrun(port=8080)"
USED = "`app` in main.py is used"
BUILT = '[project]\nname = "shop"\n[build-system]\n[tool.setuptools]\npackages = ["shop"]\n'
WORKER = f"--worker-class aiohttp.GunicornWebWorker {GUNICORN}"

ADDED_SERVERS = [
    ("starlette", "from starlette.applications import Starlette\napp = Starlette()", UVICORN),
    ("litestar", "import litestar\napp = litestar.Litestar([])", UVICORN),
    ("falcon", "import falcon.asgi as f\napp = f.App()", UVICORN),
    ("fastapi", FASTAPI, UVICORN),
    ("flask", FLASK, GUNICORN),
    ("falcon", "import falcon\napp = falcon.App()", GUNICORN),
    ("bottle", "import bottle\napp = bottle.default_app()", GUNICORN),
]
SERVERS = {
    "hypercorn": f"hypercorn main:app {GUNICORN}",
    "granian": f"granian --interface asgi main:app {UVICORN}",
    "daphne": f"daphne -b {HOST} -p $PORT main:app",
}
OBJECTS = [
    "import fastapi\napp: fastapi.FastAPI = fastapi.FastAPI()",
    "from fastapi import FastAPI as Api\napp = Api(title='x')",
    "import fastapi as f\nif True:\n    app = f.FastAPI()",
    "try:\n    from fastapi import FastAPI\nexcept ImportError:\n    raise\napp = FastAPI()",
    "from fastapi import FastAPI\nclass Shop(FastAPI): ...\napp = Shop()",
    "from fastapi import FastAPI\nother = app = FastAPI()",
    "from fastapi import FastAPI\ndef make(x): return FastAPI()\napp = make(1)",
]
NO_OBJECTS = [
    "app = FastAPI()",
    "# from fastapi import FastAPI\nx = 'app = FastAPI()'",
    "from fastapi import FastAPI\nif __name__ == '__main__':\n    app = FastAPI()",
    "from fastapi import FastAPI\ndef f():\n    app = FastAPI()",
    "def app(request): ...",
]
NOT_SERVED = [
    ("uvicorn", "import typer\napp = typer.Typer()\n"),
    ("httpx", "import x\napp = x.App()\n"),
    ("uvicorn", "app = 1\n"),
    ("gunicorn", "async def app(scope, receive, send):\n    pass\n"),
]
ANY_FRAMEWORK = [
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
]
PAGES = {
    "chainlit": f"chainlit run demo.py --host {HOST} --port $PORT --headless",
    "gradio": f"GRADIO_SERVER_NAME={HOST} GRADIO_SERVER_PORT=$PORT python demo.py",
    "shiny": f"shiny run demo.py --host {HOST} --port $PORT",
    "marimo": f"marimo run demo.py --host {HOST} --port $PORT --headless --no-token",
    "nicegui": "python demo.py",
}
STREAMLIT_PAGES = [
    (["app.py", "streamlit_app.py"], "streamlit_app.py"),
    (["Home.py", "helper.py", "pages/app.py"], "Home.py"),
    (["dashboard.py", "pages/1_📈_Chart.py"], "dashboard.py"),
    (["🏠_Home page.py", "pages/app.py"], "'🏠_Home page.py'"),
    (["src/ui/view.py", "lib/pages/x.py", "lib/start.py"], "lib/start.py"),
]
AIOHTTP_PROGRAMS = [
    ("app = web.Application()", f"gunicorn main:app {WORKER}"),
    (
        "def create_app():\n    app = web.Application()\n    return app",
        f"gunicorn 'main:create_app()' {WORKER}",
    ),
    ("async def init_app():\n    return web.Application()", f"gunicorn main:init_app {WORKER}"),
    ("app = web.Application()\nweb.run_app(app, port=int(environ['PORT']))", "python main.py"),
    ("def main():\n    web.run_app(web.Application())", "python main.py"),
]
SCRIPTS = {
    'shop = "shop:main"': "shop",
    'admin = "shop:admin"\nshop = "shop:main"': "shop",
    'shop = "shop:main"\nserve = "shop:serve"': "serve",
}

CASES: dict[str, Case] = {
    "an application and its listed server": case(
        {"requirements.txt": "# web\nfastapi==0.115.0\nuvicorn[standard]\n", "main.py": FASTAPI},
        framework="fastapi",
        language="python",
        manager="pip",
        install="uv pip install -r requirements.txt",
        build=[],
        processes={"web": f"uvicorn main:app {UVICORN}"},
        added=(),
        reasons=[
            "`app` is a FastAPI application (main.py:2)",
            "the project installs uvicorn",
            "fastapi is listed (requirements.txt:2)",
            "the file lists the dependencies (requirements.txt)",
        ],
    ),
    **{
        f"{framework} gets a server added: {source!r}": case(
            {"requirements.txt": framework, "main.py": source},
            framework=framework,
            web=f"{'uvicorn' if options is UVICORN else 'gunicorn'} main:app {options}",
            added=("uvicorn[standard]" if options is UVICORN else "gunicorn",),
        )
        for framework, source, options in ADDED_SERVERS
    },
    "Quart brings its server": case(
        {"requirements.txt": "quart", "main.py": "from quart import Quart\napp = Quart(__name__)"},
        framework="quart",
        web=f"hypercorn main:app {GUNICORN}",
        added=(),
    ),
    "Sanic is its own server": case(
        {"requirements.txt": "sanic", "main.py": "from sanic import Sanic\napp = Sanic('a')"},
        framework="sanic",
        web=f"sanic main:app --host={HOST} --port=$PORT",
        added=(),
    ),
    "the added server is installed, with its reason": case(
        {"requirements.txt": "flask", "main.py": FLASK},
        build=["uv pip install gunicorn"],
        reasons=["gunicorn is added: the project has no WSGI server"],
    ),
    **{
        f"{server} is used where it is listed": case(
            {"requirements.txt": f"fastapi\n{server}", "main.py": FASTAPI}, web=command
        )
        for server, command in SERVERS.items()
    },
    **{
        f"{path} is imported as {target}": case(
            {**BROUGHT, path: FASTAPI}, web=f"uvicorn {target} {UVICORN}"
        )
        for path, target in (
            ("main.py", "main:app"),
            ("app/main.py", "app.main:app"),
            ("app/__init__.py", "app:app"),
            ("shop/web/service.py", "shop.web.service:app"),
        )
    },
    "src is on the import path": case(
        {**BROUGHT, "src/shop/__init__.py": "", "src/shop/main.py": FASTAPI},
        web=f"PYTHONPATH=src uvicorn shop.main:app {UVICORN}",
    ),
    **{
        f"src is a package: {line}": case(
            {**BROUGHT, "src/main.py": f"{line}\n{FASTAPI}", "src/routes.py": "r = 1"},
            web=f"uvicorn src.main:app {UVICORN}",
        )
        for line in ("from src.routes import r", "from .routes import r")
    },
    **{
        f"an application: {source!r}": case(
            {**BROUGHT, "main.py": source}, web=f"uvicorn main:app {UVICORN}"
        )
        for source in OBJECTS
    },
    **{
        f"no application: {source!r}": case({**BROUGHT, "main.py": source}, web="python main.py")
        for source in NO_OBJECTS
    },
    "flask-cors is not Flask": case(
        {"requirements.txt": "flask-cors\n", "main.py": "import flask_cors\n"},
        framework="python",
        added=(),
    ),
    "the server calls a factory (ASGI)": case(
        {
            **BROUGHT,
            "main.py": (
                "from fastapi import FastAPI\ndef create_app(debug=False):\n    return FastAPI()"
            ),
        },
        web=f"uvicorn --factory main:create_app {UVICORN}",
    ),
    "the server calls a factory (WSGI)": case(
        {
            **FLASK_BROUGHT,
            "main.py": (
                "def create_app():\n    from flask import Flask\n"
                "    app = Flask('x')\n    return app"
            ),
        },
        web=f"gunicorn 'main:create_app()' {GUNICORN}",
    ),
    "wsgi.py calls the package's re-exported factory": case(
        {
            **FLASK_BROUGHT,
            "shop/__init__.py": "from .factory import create_app",
            "shop/factory.py": "import flask\ndef create_app(c):\n    return flask.Flask('x')",
            "wsgi.py": "from shop import create_app\napplication = create_app('prod')",
        },
        web=f"gunicorn wsgi:application {GUNICORN}",
    ),
    "wsgi.py imports the application": case(
        {
            **FLASK_BROUGHT,
            "shop/__init__.py": "",
            "shop/core.py": "from flask import Flask\napp = Flask('x')",
            "wsgi.py": "from shop.core import app as application\nimport shop.routes",
        },
        web=f"gunicorn wsgi:application {GUNICORN}",
    ),
    "the usual file and variable win, and the others are listed": case(
        {
            **BROUGHT,
            "app/main.py": "from fastapi import FastAPI\nadmin = FastAPI()\napp = FastAPI()",
            "app/tool.py": FASTAPI,
        },
        web=f"uvicorn app.main:app {UVICORN}",
        rejected=[
            f"fastapi: {other} is an application too, but `app` in app/main.py:3 is used"
            for other in ("`admin` in app/main.py:2", "`app` in app/tool.py:2")
        ],
    ),
    "FLASK_APP decides": case(
        {
            **FLASK_BROUGHT,
            "app.py": FLASK,
            "shop/web.py": FLASK,
            ".flaskenv": "FLASK_APP=shop/web.py\nFLASK_DEBUG=1\n",
        },
        web=f"gunicorn shop.web:app {GUNICORN}",
    ),
    "the first of two frameworks": case(
        {"requirements.txt": "fastapi\nflask", "main.py": FASTAPI, "app.py": FLASK},
        framework="fastapi",
    ),
    "the chosen one of two frameworks": case(
        {"requirements.txt": "fastapi\nflask", "main.py": FASTAPI, "app.py": FLASK},
        BuildOverrides(framework="Flask"),
        framework="flask",
    ),
    "a file with a syntax error is passed over": case(
        {**BROUGHT, "main.py": FASTAPI, "api.py": "x = 1\ndef (:"},
        rejected=["python: api.py has a syntax error in line 2 and was skipped"],
    ),
    "main.py": case(
        {"main.py": "print(1)"}, framework="python", web="python main.py", reasons=[NO_PORT]
    ),
    "src/main.py": case(
        {"requirements.txt": "", "src/main.py": "print(1)"}, web="python src/main.py"
    ),
    "app/main.py as a module": case(
        {"requirements.txt": "", "app/main.py": "import app.x"}, web="python -m app.main"
    ),
    "__main__.py of a package": case(
        {"requirements.txt": "", "shop/__init__.py": "", "shop/__main__.py": "print(1)"},
        web="python -m shop",
    ),
    "aiohttp without an application object": case(
        {"requirements.txt": "aiohttp", "main.py": "from aiohttp import web"},
        framework="aiohttp",
        web="python main.py",
    ),
    **{
        f"aiohttp: {source!r}": case(
            {"requirements.txt": "aiohttp", "main.py": AIOHTTP + source}, web=command
        )
        for source, command in AIOHTTP_PROGRAMS
    },
    **{
        f"Streamlit runs {page} of {', '.join(paths)}": case(
            {"requirements.txt": "streamlit", **dict.fromkeys(paths, "import streamlit as st")},
            framework="streamlit",
            web=f"streamlit run {page} {STREAMLIT}",
        )
        for paths, page in STREAMLIT_PAGES
    },
    "Streamlit does not run a file that is imported": case(
        {
            "requirements.txt": "streamlit",
            "alpha.py": "import streamlit",
            "beta.py": "import streamlit\nfrom alpha import x",
        },
        web=f"streamlit run beta.py {STREAMLIT}",
    ),
    **{
        f"{framework} runs a file of any name": case(
            {"requirements.txt": framework, "demo.py": f"import {framework}"}, web=command
        )
        for framework, command in PAGES.items()
    },
    "an unlisted framework in a file with a usual name is added": case(
        {"requirements.txt": "numpy", "app.py": "import gradio as gr"},
        framework="gradio",
        added=("gradio",),
    ),
    "Bottle without an object": case(
        {"requirements.txt": "bottle", "main.py": BOTTLE},
        web=f"python -m bottle --server gunicorn --bind {HOST}:$PORT main",
        added=("gunicorn",),
    ),
    "Dash with its server in a variable": case(
        {
            "requirements.txt": "dash",
            "main.py": "import dash\napp = dash.Dash()\nserver = app.server",
        },
        framework="dash",
        web=f"gunicorn main:server {GUNICORN}",
        added=("gunicorn",),
        rejected=[],
    ),
    "Dash without": case(
        {"requirements.txt": "dash", "main.py": "from dash import Dash\napp = Dash()"},
        framework="dash",
        web=f"waitress-serve --host={HOST} --port=$PORT main:app.server",
        added=("waitress",),
        rejected=[],
    ),
    "FastHTML's star import": case(
        {
            "requirements.txt": "python-fasthtml",
            "main.py": "from fasthtml.common import *\napp, rt = fast_app()\nserve()",
        },
        web=f"uvicorn main:app {UVICORN}",
        added=(),
    ),
    **{
        f"gunicorn's workers with {packages!r}": case(
            {"requirements.txt": packages, "main.py": FLASK},
            web=f"gunicorn main:app {GUNICORN}{options}",
        )
        for packages, options in (
            ("flask-socketio\ngunicorn", " --threads 100"),
            ("flask-socketio\ngunicorn\neventlet", " --worker-class eventlet"),
            ("flask\ngunicorn", ""),
        )
    },
    "Flask does not run the server on import": case(
        {**FLASK_BROUGHT, "main.py": f"{FLASK}app.run(debug=True)"},
        web=f"FLASK_RUN_FROM_CLI=true gunicorn main:app {GUNICORN}",
    ),
    "an application that runs on import is run": case(
        {"requirements.txt": "fastapi", "main.py": f"import uvicorn\n{FASTAPI}uvicorn.run(app)"},
        web="python main.py",
    ),
    **{
        f"an application of any framework: {path} with {server!r}": case(
            {"requirements.txt": server, "shop/__init__.py": "", path: code}, web=command
        )
        for server, path, code, command in ANY_FRAMEWORK
    },
    **{
        f"{requirements} cannot call {code!r}": case(
            {"requirements.txt": requirements, "main.py": code}, web="python main.py"
        )
        for requirements, code in NOT_SERVED
    },
    "Quart with a port of its own": case(
        {
            "requirements.txt": "quart",
            "main.py": "from quart import Quart\napp = Quart('x')\napp.run(port=5000)\n",
        },
        web="python main.py",
        reasons=[NO_PORT],
    ),
    "uvicorn with a port of its own": case(
        {**BROUGHT, "main.py": f"import uvicorn\n{FASTAPI}uvicorn.run(app, port=8000)\n"},
        web="python main.py",
        reasons=[NO_PORT],
    ),
    **{
        f"project.scripts: {scripts!r}": case(
            {"pyproject.toml": f"{BUILT}[project.scripts]\n{scripts}", "main.py": "print(1)"},
            web=name,
        )
        for scripts, name in SCRIPTS.items()
    },
    "project.scripts without a build system": case(
        {
            "pyproject.toml": ('[project]\nname = "shop"\n[project.scripts]\nshop = "shop:main"'),
            "main.py": "print(1)",
        },
        web="python main.py",
    ),
    "a script beside an application is rejected": case(
        {
            "requirements.txt": "fastapi\nuvicorn\nstreamlit",
            "main.py": FASTAPI,
            "app.py": "import streamlit as st\nst.title('x')\n",
        },
        rejected=[
            f"streamlit: app.py could be run, but {USED}. Set framework to streamlit to run it"
        ],
    ),
    "styles are built before Python serves them": case(
        {
            **FLASK_BROUGHT,
            "app.py": FLASK,
            "package.json": package("tailwindcss", scripts={"build": "tailwindcss -i a.css"}),
            "package-lock.json": "",
        },
        framework="flask",
        language="python",
        build=["npm ci --include=dev", "npm run build"],
        web=f"gunicorn app:app {GUNICORN}",
    ),
    **{
        f"{dependency} beside Flask is not built": case(
            {
                **FLASK_BROUGHT,
                "app.py": FLASK,
                "package.json": package(dependency, scripts=scripts),
            },
            build=[],
        )
        for dependency, scripts in {
            "prettier": {"lint": "prettier ."},
            "next": {"build": "next build", "start": "next start"},
        }.items()
    },
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("files", "framework", "message"),
    [
        (
            {
                "requirements.txt": "flask",
                "shop/factory.py": (
                    "from flask import Flask\n"
                    "def create_app(config, *, debug):\n    return Flask('x')"
                ),
            },
            None,
            r"`create_app` in shop/factory.py:2.*requires config, debug",
        ),
        *(
            (
                {"requirements.txt": "fastapi", f"{directory}/main.py": FASTAPI},
                None,
                "nothing to start",
            )
            for directory in ("tests", "docs", "examples", ".venv/lib", "node_modules/x")
        ),
        (
            {"requirements.txt": "fastapi", "main.py": FASTAPI},
            "flask",
            "framework is set to flask, but no plan",
        ),
        (
            {"requirements.txt": "fastapi", "main.py": "from fastapi import"},
            None,
            r"main.py has a syntax error in line 1",
        ),
        ({"main.py": FASTAPI}, None, r"main.py needs fastapi, but no file lists"),
    ],
)
def test_repository_without_a_program_is_refused(
    files: dict[str, str], framework: str | None, message: str
) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files, framework=framework)


def test_program_that_reads_port_gets_no_warning() -> None:
    plan = plan_of({"main.py": "import os\nprint(os.environ['PORT'])"})

    assert NO_PORT not in [one.reason for one in plan.evidence]
