"""Tests Django: its server, settings, static files and hosts."""

import pytest
from tests.detection.plans import Case, case, plan_of

from pushpaka_core.detection import BuildOverrides

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
BARE = {
    "manage.py": "",
    "shop/__init__.py": "",
    "shop/wsgi.py": WSGI,
    "shop/asgi.py": ASGI,
}
COLLECT = "python manage.py collectstatic --noinput"
MIGRATIONS = "migrations need a release command, for example python manage.py migrate"
MODULE = "DJANGO_SETTINGS_MODULE"
WITH_ASGI = SETTINGS.replace("WSGI_APPLICATION", "ASGI_APPLICATION").replace("wsgi", "asgi")

CASES: dict[str, Case] = {
    **{
        f"{server or 'no server'} is listed": case(
            {**BARE, "requirements.txt": f"Django\n{server}"},
            framework="django",
            web=command,
        )
        for server, command in {
            "gunicorn": f"gunicorn shop.wsgi:application {GUNICORN}",
            "uvicorn": f"uvicorn shop.asgi:application {UVICORN}",
            "": f"gunicorn shop.wsgi:application {GUNICORN}",
        }.items()
    },
    "static files are collected into STATIC_ROOT": case(
        FILES,
        build=[COLLECT],
        reasons=["static files are collected into STATIC_ROOT (shop/settings.py:5)"],
    ),
    "static files are collected with any start command": case(
        FILES, BuildOverrides(start_command="gunicorn shop.wsgi"), build=[COLLECT]
    ),
    "static files of the served settings, not of manage.py's": case(
        {
            **FILES,
            "manage.py": DEFAULT.format("shop.settings.local"),
            "shop/wsgi.py": DEFAULT.format("shop.settings.production") + WSGI,
            "shop/settings/__init__.py": "",
            "shop/settings/base.py": SETTINGS,
            "shop/settings/local.py": "",
            "shop/settings/production.py": "from .base import *\nDEBUG = False",
        },
        build=[f"{MODULE}=${{{MODULE}:-shop.settings.production}} {COLLECT}"],
        reasons=["the settings module is shop.settings.production (shop/settings/production.py)"],
    ),
    "a project in a directory of its own": case(
        {
            **{f"shop/{path}": text for path, text in FILES.items() if path != "requirements.txt"},
            "requirements.txt": "django\ngunicorn",
        },
        build=["python shop/manage.py collectstatic --noinput"],
        web=f"PYTHONPATH=shop gunicorn shop.wsgi:application {GUNICORN}",
    ),
    "Channels need ASGI": case(
        {**FILES, "requirements.txt": "django\nchannels\nuvicorn\ngunicorn"},
        web=f"uvicorn shop.asgi:application {UVICORN}",
    ),
    "settings that name ASGI alone": case(
        {**FILES, "requirements.txt": "django\nuvicorn\ngunicorn", "shop/settings.py": WITH_ASGI},
        web=f"uvicorn shop.asgi:application {UVICORN}",
    ),
    "a project without wsgi.py and asgi.py": case(
        {path: text for path, text in FILES.items() if "sgi" not in path},
        web=(
            f"{MODULE}=shop.settings gunicorn 'django.core.wsgi:get_wsgi_application()' {GUNICORN}"
        ),
    ),
    "migrations need a release command": case(
        {**FILES, "shop/settings.py": f"{SETTINGS}DATABASES = {{}}"},
        reasons=[f"{MIGRATIONS} (shop/settings.py:6)"],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


def evidence_of(**files: str) -> list[str]:
    """Return the evidence for the files of a project, some of which *files* replace."""
    named = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    return [one.reason for one in plan_of({**FILES, **named}).evidence]


@pytest.mark.parametrize(
    ("settings", "is_reported"),
    [
        (SETTINGS.replace("STATIC_ROOT", "OTHER"), True),
        (SETTINGS.replace("django.contrib.staticfiles", "x"), False),
    ],
)
def test_static_files_need_a_directory_and_the_app(settings: str, *, is_reported: bool) -> None:
    """Without either, nothing is collected. Only a missing STATIC_ROOT is reported."""
    assert () == plan_of({**FILES, "shop/settings.py": settings}).build
    assert is_reported == any(
        "STATIC_ROOT is not set" in one for one in evidence_of(shop__settings=settings)
    )


def test_static_files_without_a_server_are_reported() -> None:
    """Django itself serves no static files in production."""
    plan = plan_of({**FILES, "requirements.txt": "django"})

    assert any("Add WhiteNoise" in one.reason for one in plan.evidence)


@pytest.mark.parametrize(
    ("hosts", "reported_name"),
    [
        ('["*"]', None),
        ("os.environ['HOSTS'].split()", None),
        ('[os.environ["HOST"]]', None),
        ("[]", "local names"),
        ('["shop.example", "www.shop.example"]', "shop.example, www.shop.example"),
    ],
)
def test_literal_allowed_hosts_without_the_project_are_reported(
    hosts: str, reported_name: str | None
) -> None:
    settings = SETTINGS.replace('["*"]', hosts)

    about_hosts = [one for one in evidence_of(shop__settings=settings) if "ALLOWED_HOSTS" in one]

    sentence = f"ALLOWED_HOSTS allows only {reported_name}. Add the project's host"
    assert about_hosts == ([sentence] if reported_name else [])
