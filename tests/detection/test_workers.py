"""Projects without a web process: declared in a file, or detected as bots and queue consumers."""

import pytest
from tests.detection.plans import Case, Files, case, image, node, plan_of, site
from tests.detection.test_procfiles import FLASK

from pushpaka_core.detection import explain
from pushpaka_core.domain.pipeline.build_plans import Origin
from pushpaka_core.errors import DetectionError

BOT = "import discord\n\ndiscord.Client().run('token')\n"
LISTENS_NOT = "nothing in the code listens on a port, so it runs as a worker"
GO = {"go.mod": "module example.com/bot\n", "main.go": "package main\n"}
HTTP = "package main\n\nfunc main() { http.ListenAndServe(addr, nil) }\n"
DOCKERFILE = 'FROM debian\nCMD ["./bot"]\n'


def procfile(files: Files, text: str = "worker: python bot.py\n") -> Files:
    """Return *files* with a Procfile."""
    return {**files, "Procfile": text}


def requirements(text: str, files: Files | None = None, **modules: str) -> Files:
    """Return a repository with requirements, other *files*, and Python modules by name."""
    named = {f"{name}.py": code for name, code in modules.items()}
    return {"requirements.txt": text, **named, **(files or {})}


DECLARED: dict[str, Case] = {
    "a Procfile with only a worker": case(
        procfile({"bot.py": "print('hello')"}),
        language="python",
        install=None,
        processes={"worker": "python bot.py"},
        origins={"worker": Origin.PROCFILE},
    ),
    "a Procfile with other names": case(
        procfile({}, "bot: ./bot\nmailer: ./mail\n"),
        language="shell",
        processes={"bot": "./bot", "mailer": "./mail"},
    ),
    "pushpaka.toml with only other processes": case(
        {
            **requirements("requests", main="import requests"),
            "pushpaka.toml": '[processes]\nx = "y"',
        },
        language="python",
        install="uv pip install -r requirements.txt",
        processes={"x": "y"},
        origins={"x": Origin.FILE},
    ),
    "a release command beside a worker": case(
        procfile({}, "worker: ./work\nrelease: ./migrate\n"),
        processes={"worker": "./work", "release": "./migrate"},
    ),
    "a web framework is served beside the declared worker": case(
        procfile(FLASK), framework="flask", web="gunicorn main:app --bind ${HOST:-0.0.0.0}:$PORT"
    ),
    "a declared worker replaces the detected one": case(
        procfile(requirements("discord.py", bot=BOT), "discord: python -u bot.py\n"),
        processes={"discord": "python -u bot.py"},
    ),
    "a script with a common name is not guessed to be a server": case(
        procfile(requirements("requests", main="import requests"), "worker: python main.py"),
        processes={"worker": "python main.py"},
    ),
    "a script that listens is the web process": case(
        procfile(requirements("requests", main="server.serve_forever()"), "worker: ./work"),
        web="python main.py",
    ),
    "a start script is not guessed to be a server": case(
        procfile(node("left-pad", {"bot.js": ""}, start="node bot.js"), "worker: node bot.js"),
        language="node",
        processes={"worker": "node bot.js"},
    ),
    "a start script whose code listens is the web process": case(
        procfile(node("", {"x.js": "http.createServer()"}, start="node x"), "worker: ./work"),
        processes={"web": "npm run start", "worker": "./work"},
    ),
    "pages are served beside the declared worker": case(
        procfile({"bot.py": "", "public/index.html": ""}),
        static=site("public"),
        processes={"worker": "python bot.py"},
    ),
    "the documentation of a worker is not served": case(
        procfile({"bot.py": "", "docs/index.html": ""}),
        static=None,
        processes={"worker": "python bot.py"},
    ),
    "start.sh is not guessed to be a server": case(
        procfile({"start.sh": ""}, "worker: ./work"), processes={"worker": "./work"}
    ),
    "Go: all programs are built": image(
        procfile(GO, "worker: bin/bot"), processes={"worker": "bin/bot"}, language="go"
    ),
    "Go: a program that listens is the web process": image(
        procfile({**GO, "main.go": HTTP}, "worker: bin/bot"),
        processes={"web": "./bin/app", "worker": "bin/bot"},
    ),
}
DETECTED: dict[str, Case] = {
    "a Discord bot": case(
        requirements("discord.py\naiohttp", {"cogs/music.py": "import aiohttp, discord"}, bot=BOT),
        framework="python",
        processes={"worker": "python bot.py"},
        reasons=[
            "discord-py is listed (requirements.txt:1)",
            "this is a common name for a worker (bot.py)",
            LISTENS_NOT,
        ],
    ),
    "a bot whose library is imported by another module": case(
        requirements("python-telegram-bot", main="import shop", shop="import telegram"),
        processes={"worker": "python main.py"},
    ),
    "a bot that uses a web library as a client": case(
        requirements("discord.py\naiohttp", main="import aiohttp\n" + BOT),
        processes={"worker": "python main.py"},
    ),
    "a bot in a package": case(
        requirements("aiogram", {"shop/__init__.py": "", "shop/__main__.py": "import aiogram"}),
        processes={"worker": "python -m shop"},
    ),
    "a bot that is a console script": case(
        {
            "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['nextcord']"
            "\n[project.scripts]\nshopbot = 'shop.run:main'\n[build-system]\nrequires = []",
            "shop/__init__.py": "",
            "shop/cli.py": "import nextcord",
        },
        processes={"worker": "shopbot"},
    ),
    "Celery": case(
        requirements("celery[redis]", tasks="from celery import Celery\nqueue = Celery('x')"),
        processes={"worker": "celery --app tasks:queue worker --loglevel info"},
        reasons=["`queue` is a Celery application (tasks.py:2)", LISTENS_NOT],
    ),
    "Dramatiq": case(
        requirements(
            "dramatiq",
            {
                "shop/__init__.py": "",
                "shop/mail.py": "import dramatiq\n\n@dramatiq.actor(max_retries=3)\ndef f(): ...",
                "shop/tasks.py": "from dramatiq import actor\n\n@actor\nasync def work(): ...",
            },
        ),
        processes={"worker": "dramatiq shop.mail shop.tasks"},
    ),
    "arq": case(
        requirements("arq", jobs="class WorkerSettings:\n    functions = []"),
        processes={"worker": "arq jobs.WorkerSettings"},
    ),
    "RQ": case(
        requirements("rq", worker="from rq import Worker\n\nWorker(['high']).work()"),
        processes={"worker": "python worker.py"},
    ),
    "a bot in JavaScript": case(
        node("discord.js", {"bot.js": ""}, start="node bot.js"),
        framework="node",
        processes={"worker": "npm run start"},
        reasons=["discord.js is listed (package.json:3)", LISTENS_NOT],
    ),
    "a queue consumer in TypeScript": case(
        node("bullmq tsx", {"src/worker.ts": ""}), processes={"worker": "tsx src/worker.ts"}
    ),
    "main of a package.json": case(
        node("telegraf", {"lib/start.js": ""}, main="lib/start.js"),
        processes={"worker": "node lib/start.js"},
    ),
}
WEB: dict[str, Case] = {
    "a bot with its own server": case(
        requirements("discord.py", main="app.run(port=1)\n" + BOT), web="python main.py"
    ),
    "a web framework with a queue": case(
        requirements("flask\ncelery", main="import flask, celery\napp = flask.Flask('x')"),
        framework="flask",
        processes={"web": "gunicorn main:app --bind ${HOST:-0.0.0.0}:$PORT"},
    ),
    "a page of Streamlit with a schedule": case(
        requirements("streamlit\napscheduler", main="import streamlit, apscheduler"),
        framework="streamlit",
    ),
    "Express with a queue": case(
        node("express bullmq", start="node server.js"), processes={"web": "npm run start"}
    ),
    "a front end with a queue": case(
        node("vite bullmq", {"index.html": ""}, build="vite build"), framework="vite"
    ),
}
CASES = {**DECLARED, **DETECTED, **WEB}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("dockerfile", "config", "has_web"),
    [
        (DOCKERFILE, "", False),
        (f"{DOCKERFILE}EXPOSE 80\n", "", True),
        (f"{DOCKERFILE}ENV PORT=80\n", "", True),
        (DOCKERFILE, "port = 8080\n", True),
    ],
)
def test_command_of_an_image_is_the_web_process_if_there_is_a_port(
    dockerfile: str, config: str, has_web: bool
) -> None:
    files = {"Dockerfile": dockerfile, "pushpaka.toml": f"{config}[processes]\nbot = './bot'"}

    assert has_web is plan_of(files, image=True).has_web
    assert plan_of({"Dockerfile": dockerfile}, image=True).has_web


def test_explanation_says_that_there_is_no_address() -> None:
    assert (
        "Detected shell",
        "  because the Procfile declares the worker process (Procfile:1)",
        "  because a shell runs the configured commands",
        "worker: ./work [Procfile]",
        "runs without an address because there is no web process",
    ) == explain(plan_of(procfile({}, "worker: ./work")))


@pytest.mark.parametrize(
    "files",
    [
        node("left-pad", {"index.js": ""}),
        requirements("discord.py", helpers="import discord"),
        requirements("celery", main_tasks="import celery"),
        {"Procfile": "release: ./migrate"},
    ],
)
def test_refusal_names_the_line_for_a_worker(files: Files) -> None:
    with pytest.raises(DetectionError, match="like a bot, add a line `worker: <command>` instead"):
        plan_of(files)
