"""What Deno runs."""

import json

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

LISTEN = "DENO_SERVE_ADDRESS=tcp:${HOST:-0.0.0.0}:$PORT"


def test_task_is_started() -> None:
    """Comments and trailing commas do no harm."""
    text = '{\n  // ours\n  "tasks": {\n    "start": "deno run -A a.ts",\n  },\n}\n'

    plan = image_plan({"deno.jsonc": text, "a.ts": ""})

    assert ["deno install"] == commands(plan)
    assert f"{LISTEN} deno task start" == web(plan)
    assert ["there is a task start (deno.jsonc:4)"] == reasons(plan)


def test_file_is_run() -> None:
    """What it imports by address is fetched while it is built."""
    plan = image_plan({"deno.json": "{}", "main.ts": "Deno.serve(() => new Response())"})

    assert ["deno install", "deno cache main.ts"] == commands(plan)
    assert f"{LISTEN} deno run --allow-all main.ts" == web(plan)


def test_file_that_exports_an_answer_is_served() -> None:
    """`deno serve` calls it."""
    code = "export default { fetch() { return new Response() } }"

    plan = image_plan({"deno.json": "{}", "src/server.ts": code})

    assert "deno serve --allow-all --host ${HOST:-0.0.0.0} --port $PORT src/server.ts" == web(plan)


def test_fresh_is_built() -> None:
    """Its name comes from what is imported."""
    config = {"tasks": {"build": "vite", "start": "x"}, "imports": {"@fresh/core": "jsr:x"}}

    plan = image_plan({"deno.json": json.dumps(config), ".deno-version": "2.5.6\n"})

    assert ("fresh", "2.5.6") == (plan.framework, plan.language_version)
    assert ["deno install", "deno task build"] == commands(plan)


def test_package_of_node_is_nodes() -> None:
    """A deno.json beside it may be for its tools."""
    files = {"package.json": '{"scripts": {"start": "node a.js"}}', "deno.json": "{}"}

    assert "node" == image_plan({**files, "a.js": ""}).language


def test_library_is_told_from_a_program() -> None:
    """The usual names are told."""
    with pytest.raises(DetectionError, match=r"no task start and no file such as main\.ts"):
        image_plan({"deno.json": "{}", "lib/a.ts": ""})
