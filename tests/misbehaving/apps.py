"""The misbehaving apps, and the expected outcome of deploying each of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen
from tests.acceptance.tools.apps import program
from tests.misbehaving import programs

PROCESS, DOCKER = "process", "docker"
SERVERS = """\
gunicorn==27.0.1
uvicorn==0.54.0
uvicorn-worker==0.4.0
hypercorn==0.18.0
granian==2.8.9
waitress==3.0.2
"""
"""The requirements of all Python apps with a server. Equal ones are installed only once."""


class Fate(StrEnum):
    """How the deployment of an app ends. Its status is `failed` in either case."""

    FAILS = "fails"
    """The app never receives a visitor's request."""
    IS_TAKEN_BACK = "taken back"
    """The app is healthy at first, and is rolled back to the old release after the cutover."""


@frozen(kw_only=True)
class App:
    """An app that misbehaves when it is deployed over a working release."""

    files: Mapping[str, str]
    settings: Mapping[str, Any] = field(factory=dict)
    """Project settings that replace the default ones."""
    fate: Fate = Fate.FAILS
    messages: tuple[str, ...]
    """Regular expressions that match the error, mainly its cause."""
    runtimes: tuple[str, ...] = (PROCESS, DOCKER)
    """The runtimes on which the app is deployed."""
    base_image: str | None = None
    """The base image of the app on Docker, or None if it needs none of its own."""


def _python(source: str, *messages: str, **fields: Any) -> App:
    """Return an app that is a Python program without dependencies."""
    return App(files=program(source), messages=messages, **fields)


def _app_served_by(
    command: str,
    *messages: str,
    source: str = programs.IMPORT_ERROR,
    is_exiting: bool = True,
) -> App:
    """Return an app whose module *source* is served by *command*, which exits if *is_exiting*."""
    files = {
        "app.py": source,
        "requirements.txt": SERVERS,
        "Procfile": f"web: exec {command} app:app\n",
    }
    settings = {"health_check_timeout": 60 if is_exiting else 10}
    return App(files=files, messages=messages, settings=settings)


def _cluster(source: str, *messages: str) -> App:
    """Return an app that uses the `cluster` module of Node.js."""
    files = {
        "package.json": '{"name": "shop", "version": "1.0.0"}',
        "index.js": source,
        "Procfile": "web: exec node index.js\n",
    }
    # Node starts slowly on a busy machine, and the reason shows after several workers exit.
    settings = {"health_check_timeout": 30}
    return App(files=files, messages=messages, settings=settings)


_MISSING_MODULE = r"No module named '?nowhere_to_be_found"
_BOOT_FAILURE = r"exited with code [13]\."
"""The exit of Gunicorn: with code 3, or with 1 if a second worker fails during the shutdown."""
_GUNICORN = "gunicorn -b $HOST:$PORT"

APPS: Mapping[str, App] = {
    "exits after 5 s": _python(
        programs.program_that_exits_after(5),
        "exited with code 4",
        "Worn out",
        fate=Fate.IS_TAKEN_BACK,
    ),
    "exits after 20 s": _python(
        programs.program_that_exits_after(20),
        "exited with code 4",
        "Worn out",
        fate=Fate.IS_TAKEN_BACK,
        settings={"rollback_window": 120},
    ),
    "freezes at the first visit": _python(
        programs.FREEZES_AT_THE_FIRST_VISIT,
        "did not respond",
        fate=Fate.IS_TAKEN_BACK,
        settings={"rollback_window": 120},
    ),
    "Puma cluster whose workers die": App(
        files={
            ".ruby-version": "3.3\n",
            "Gemfile": 'gem "puma"\n',
            "config.ru": 'require "nowhere_to_be_found"\n',
            "Procfile": "web: exec puma -w 2 -b tcp://$HOST:$PORT config.ru\n",
        },
        messages=(
            "not healthy within",
            "is not responding|did not respond to GET /",
            "lib/puma/cluster",
        ),
        settings={"health_check_timeout": 10},
        # The process runtime needs Ruby on the host.
        runtimes=(DOCKER,),
        base_image="ruby:3.3-slim",
    ),
    "import error under gunicorn": _app_served_by(_GUNICORN, _BOOT_FAILURE, _MISSING_MODULE),
    "import error under gunicorn, preloaded": _app_served_by(
        f"{_GUNICORN} --preload", r"exited with code 1\.", _MISSING_MODULE
    ),
    "import error under gunicorn with threads": _app_served_by(
        f"{_GUNICORN} -k gthread --threads 2", _BOOT_FAILURE, _MISSING_MODULE
    ),
    "import error under gunicorn with uvicorn workers": _app_served_by(
        f"{_GUNICORN} -w 2 -k uvicorn_worker.UvicornWorker",
        _BOOT_FAILURE,
        f"{_MISSING_MODULE}|Worker failed to boot",
    ),
    "import error under uvicorn": _app_served_by(
        "uvicorn --host $HOST --port $PORT", r"exited with code 1\.", _MISSING_MODULE
    ),
    "import error under uvicorn with workers": _app_served_by(
        "uvicorn --host $HOST --port $PORT --workers 2",
        "not healthy within",
        f"{_MISSING_MODULE}|site-packages/uvicorn",
        is_exiting=False,
    ),
    "import error under hypercorn": _app_served_by(
        "hypercorn -b $HOST:$PORT", r"exited with code 0\.", _MISSING_MODULE
    ),
    "import error under granian": _app_served_by(
        "granian --interface asgi --host $HOST --port $PORT",
        r"exited with code 1\.",
        _MISSING_MODULE,
    ),
    "import error under granian with respawned workers": _app_served_by(
        "granian --interface wsgi --respawn-failed-workers --host $HOST --port $PORT",
        r"exited with code 1\.",
        _MISSING_MODULE,
    ),
    "import error under waitress": _app_served_by(
        "waitress-serve --listen=$HOST:$PORT", r"exited with code 1\.", _MISSING_MODULE
    ),
    "gunicorn workers that crash in each request": _app_served_by(
        _GUNICORN,
        "closed the connection without a response",
        "SIGSEGV",
        source=programs.CRASHES_IN_EACH_REQUEST,
        is_exiting=False,
    ),
    "gunicorn workers that die after each response": _app_served_by(
        _GUNICORN,
        "worker processes keep exiting",
        source=programs.DIES_AFTER_EACH_RESPONSE,
        is_exiting=False,
    ),
    "Node cluster whose workers die": _cluster(
        programs.NODE_WORKERS_DIE, "nothing listens", "The database is away"
    ),
    "Node cluster whose workers die after each response": _cluster(
        programs.NODE_WORKERS_DIE_AFTER_EACH_RESPONSE,
        "worker processes keep exiting",
    ),
    "no such command": App(
        files={"app.py": "", "Procfile": "web: gunicron app:app\n"},
        messages=(r"exited with code 127\.", "gunicron"),
    ),
    "listens, then closes": _python(
        programs.CLOSES, "closed the connection without a response", "About to misbehave"
    ),
    "resets connections": _python(
        programs.RESETS, "closed the connection without a response", "About to misbehave"
    ),
    "half a response head": _python(
        programs.HALF_A_HEAD, "not healthy within", "closed the connection without a response"
    ),
    "half a response head, then silence": _python(
        programs.HALF_A_HEAD_THEN_SILENCE,
        "not healthy within",
        "is not responding|did not respond to GET /",
    ),
    "never accepts": _python(
        programs.NEVER_ACCEPTS, "not healthy within", "is not responding|did not respond"
    ),
    "speaks another protocol": _python(
        programs.NO_HTTP,
        "not healthy within",
        "is not HTTP",
        "change .*health_check",
    ),
    "answers 500": _python(programs.ANSWERS_500, "responded with 500 to GET /"),
    "answers 404 to its health check": _python(
        programs.ANSWERS_404,
        "not healthy within",
        "404",
        settings={"health_check_path": "/up"},
    ),
    "answers once, then exits": _python(
        programs.ANSWERS_ONCE, r"exited with code 0\.", "One request is enough"
    ),
    "blocks after the first request": _python(
        programs.BLOCKS_AFTER_THE_FIRST,
        "not healthy within",
        "did not respond to GET /|passed its health check only once",
    ),
    "exits after 1 s": _python(programs.EXITS_SOON, r"exited with code 7\.", "The license"),
    "exits after 1 s, judged by being alive": _python(
        programs.EXITS_SOON_WITHOUT_A_PORT,
        r"exited with code 7\.",
        "The license",
        settings={"health_check": "none"},
    ),
    "stops listening after 2 s, judged by its port": _python(
        programs.STOPS_LISTENING,
        "not healthy within",
        "nothing listens on its port",
        settings={"health_check": "tcp"},
    ),
    "is killed": _python(programs.IS_KILLED, "was terminated by signal SIGKILL"),
    "never listens": _python(
        programs.NEVER_LISTENS, "not healthy within", r"must listen on \$PORT", "About to misbehave"
    ),
    "forks, and the parent exits": _python(programs.FORKS, r"exited with code 0\.", "foreground"),
    "daemonizes": _python(programs.DAEMONIZES, r"exited with code 0\.", "foreground"),
    "listens on IPv6 only": _python(programs.ON_IPV6_ONLY, "not healthy within", "over IPv4"),
    "listens on loopback only": _python(
        programs.ON_LOOPBACK_ONLY,
        r"It listens on 127\.0\.0\.1 only \(HOST is 0\.0\.0\.0\)",
        # HOST is 127.0.0.1 on the process runtime.
        runtimes=(DOCKER,),
    ),
    "listens on another address": _python(
        programs.ON_ANOTHER_ADDRESS, "not healthy within", r" 127\.0\.0\.", "HOST"
    ),
    "listens on another port": _python(
        programs.ON_ANOTHER_PORT, r"It listens on \d+", r"must listen on \$PORT"
    ),
    "allocates until it is killed": _python(
        programs.ALLOCATES,
        "used more memory than its limit of 64 MiB",
        "memory_limit",
        settings={"memory_limit": 64},
    ),
    "fails behind a proxy": _python(
        programs.REFUSES_THE_PROXY,
        "not healthy within",
        "untrusted proxy",
    ),
    "exits at each visit": _python(
        programs.EXITS_ON_EVERY_VISIT,
        r"exited with code 5",
        "A visitor was too much",
        fate=Fate.IS_TAKEN_BACK,
    ),
    "answers 500 from the first visit on": _python(
        programs.FAILS_FROM_THE_FIRST_VISIT, "responded with 500 to GET /", fate=Fate.IS_TAKEN_BACK
    ),
}
"""All misbehaving apps by name, slowest first."""
PATIENT_START = program(programs.program_that_starts_within(50))
"""The files of a good app that needs 50 s to start."""
