"""What is found out about Django: its server, its settings, its static files and its hosts."""

from collections.abc import Mapping

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence

GUNICORN = "--bind ${HOST:-0.0.0.0}:$PORT"
UVICORN = "--host ${HOST:-0.0.0.0} --port $PORT"
DEFAULT = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\n"
WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
ASGI = WSGI.replace("wsgi", "asgi")
SETTINGS = """
INSTALLED_APPS = ["django.contrib.staticfiles"]
ALLOWED_HOSTS = ["*"]
WSGI_APPLICATION = "shop.wsgi.application"
STATIC_ROOT = "static"
"""
FILES = {
    "requirements.txt": "django\ngunicorn\nwhitenoise\n",
    "manage.py": DEFAULT.format("shop.settings"),
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/wsgi.py": DEFAULT.format("shop.settings") + WSGI,
    "shop/asgi.py": DEFAULT.format("shop.settings") + ASGI,
}
COLLECT = "python manage.py collectstatic --noinput"


def plan_of(files: Mapping[str, str], start: str | None = None) -> BuildPlan:
    return detect(MemoryTree(files), Wishes(start_command=start))


def web_of(files: Mapping[str, str]) -> str:
    return plan_of(files).processes["web"].command


def built_by(plan: BuildPlan) -> list[str]:
    return [step.command for step in plan.build]


def said_of(plan: BuildPlan) -> list[str]:
    return [one.reason for one in plan.evidence]


def test_static_files_are_collected_where_there_is_a_place_for_them() -> None:
    """The app is installed and STATIC_ROOT is set."""
    plan = plan_of(FILES)

    assert [COLLECT] == built_by(plan)
    reason = "static files are collected into STATIC_ROOT"
    assert Evidence(reason=reason, path="shop/settings.py", line=5) in plan.evidence


def test_static_files_are_collected_whoever_says_how_to_start() -> None:
    """A given start command changes nothing about the build."""
    assert [COLLECT] == built_by(plan_of(FILES, "gunicorn shop.wsgi"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (SETTINGS.replace("STATIC_ROOT", "OTHER"), "STATIC_ROOT is not set"),
        (SETTINGS.replace("django.contrib.staticfiles", "x"), None),
    ],
)
def test_static_files_are_not_collected_where_nobody_wants_them(
    settings: str, reason: str | None
) -> None:
    """A place that is missing is told, an app that is missing is not."""
    plan = plan_of({**FILES, "shop/settings.py": settings})

    assert [] == built_by(plan)
    assert bool(reason) == any(str(reason) in one for one in said_of(plan))


def test_static_files_that_nobody_serves_are_told() -> None:
    """Django itself serves none in production."""
    plan = plan_of({**FILES, "requirements.txt": "django"})

    assert any("WhiteNoise would do it" in one for one in said_of(plan))


def test_settings_of_the_served_application_count() -> None:
    """Where manage.py means the developer's settings, static files are collected for the others."""
    files = {
        **FILES,
        "manage.py": DEFAULT.format("shop.settings.local"),
        "shop/wsgi.py": DEFAULT.format("shop.settings.production") + WSGI,
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": SETTINGS,
        "shop/settings/local.py": "",
        "shop/settings/production.py": "from .base import *\nDEBUG = False",
    }

    plan = plan_of(files)

    name = "DJANGO_SETTINGS_MODULE"
    assert [f"{name}=${{{name}:-shop.settings.production}} {COLLECT}"] == built_by(plan)
    assert "its settings are shop.settings.production" in said_of(plan)


def test_program_in_a_directory_is_where_imports_start() -> None:
    """Startproject in a repository makes a directory in a directory of the same name."""
    nested = {f"shop/{path}": text for path, text in FILES.items() if path != "requirements.txt"}

    plan = plan_of({**nested, "requirements.txt": "django\ngunicorn"})

    command = f"PYTHONPATH=shop gunicorn shop.wsgi:application {GUNICORN}"
    assert command == plan.processes["web"].command
    assert ["python shop/manage.py collectstatic --noinput"] == built_by(plan)


@pytest.mark.parametrize(
    ("requirements", "settings"),
    [
        ("django\nchannels\nuvicorn\ngunicorn", SETTINGS),
        (
            "django\nuvicorn\ngunicorn",
            SETTINGS.replace("WSGI_APPLICATION", "ASGI_APPLICATION").replace("wsgi", "asgi"),
        ),
    ],
)
def test_asgi_is_served_where_only_that_will_do(requirements: str, settings: str) -> None:
    """Channels, or settings that name nothing else, ask for it."""
    files = {**FILES, "requirements.txt": requirements, "shop/settings.py": settings}

    assert f"uvicorn shop.asgi:application {UVICORN}" == web_of(files)


def test_project_without_an_application_is_served_by_its_settings() -> None:
    """Django makes an application of them."""
    files = {path: text for path, text in FILES.items() if "sgi" not in path}

    command = f"gunicorn 'django.core.wsgi:get_wsgi_application()' {GUNICORN}"
    assert f"DJANGO_SETTINGS_MODULE=shop.settings {command}" == web_of(files)


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ('["*"]', None),
        ("os.environ['HOSTS'].split()", None),
        ('[os.environ["HOST"]]', None),
        ("[]", "this machine's own names"),
        ('["shop.example", "www.shop.example"]', "shop.example, www.shop.example"),
    ],
)
def test_hosts_that_leave_the_project_out_are_told(hosts: str, told: str | None) -> None:
    """Only what is written down can be told."""
    settings = SETTINGS.replace('["*"]', hosts)

    plan = plan_of({**FILES, "shop/settings.py": settings})

    said = [one for one in said_of(plan) if "ALLOWED_HOSTS" in one]
    assert (
        [f"it answers {told} alone: ALLOWED_HOSTS must hold the project's host"] * bool(told)
    ) == said


def test_migrations_are_said_to_be_left_to_a_release_command() -> None:
    """Nobody but its owner may change a database."""
    plan = plan_of({**FILES, "shop/settings.py": f"{SETTINGS}DATABASES = {{}}"})

    reason = "migrations are left to a release command, as python manage.py migrate"
    assert Evidence(reason=reason, path="shop/settings.py", line=6) in plan.evidence
