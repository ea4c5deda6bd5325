"""Tests that the example applications are detected."""

from pathlib import Path

import pytest
from tests.detection.plans import Expected, parts, site

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection import BuildOverrides, detect

APPS = Path(__file__).parents[2] / "examples" / "apps"
HOST = "${HOST:-0.0.0.0}"
UVICORN = f"--host {HOST} --port $PORT"
GUNICORN = f"--bind {HOST}:$PORT"

EXPECTED: dict[str, Expected] = {
    "fastapi": {"framework": "fastapi", "web": f"uvicorn greeter.main:app {UVICORN}"},
    "flask": {"framework": "flask", "web": "gunicorn tea:app"},
    "litestar": {"framework": "litestar", "web": f"uvicorn app:app {UVICORN}"},
    "django": {"framework": "django", "web": f"gunicorn library.wsgi:application {GUNICORN}"},
    "streamlit": {
        "framework": "streamlit",
        "web": (
            f"streamlit run streamlit_app.py --server.address {HOST} --server.port $PORT"
            " --server.headless true"
        ),
    },
    "express": {"framework": "express", "web": "npm run start"},
    "nextjs": {"framework": "nextjs", "web": f"next start -p $PORT -H {HOST}"},
    "sveltekit": {"framework": "sveltekit", "static": None},
    "vite-react": {"framework": "vite", "static": site("dist", "index.html")},
    "astro": {"framework": "astro", "static": site("dist", not_found="404.html")},
    "pnpm-workspace": {
        "framework": "hono",
        "directory": "pnpm-workspace/apps/web",
        "web": "pnpm run start",
    },
    "uv-workspace": {
        "framework": "falcon",
        "directory": "uv-workspace/apps/site",
        "web": f"gunicorn site_of_poems.wsgi:app {GUNICORN}",
    },
    "notes": {"framework": "flask", "web": f"gunicorn app:app {GUNICORN}"},
    "static": {"framework": "static", "static": site(".", not_found="404.html")},
    "worker": {"framework": "python", "processes": {"worker": "python worker.py"}},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_plan_is_as_expected(name: str) -> None:
    plan = detect(load_tree(APPS, name), BuildOverrides(root_dir=name))

    assert EXPECTED[name] == parts(plan, EXPECTED[name])
