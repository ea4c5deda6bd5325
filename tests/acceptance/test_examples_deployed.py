"""Builds and starts the example applications, and checks that they respond as documented."""

from pathlib import Path

import pytest
from tests.acceptance.tools.apps import edit, example
from tests.acceptance.tools.people import Person, messages, numbers
from tests.acceptance.tools.variants import EMBEDDED, ON_ALL_RUNTIMES, ON_EMBEDDED
from tests.engine.opened import DOCKER

ANSWERS = {
    "flask": (
        ("/", "sencha", "text/html"),
        ("/static/tea.css", "max-width", "text/css"),
        ("/teas/assam", '"minutes":5', "application/json"),
    ),
    "litestar": (("/words/Otto", '"is_palindrome":true', "application/json"),),
    "django": (
        ("/", "Frankenstein", "text/html"),
        ("/static/books/shelf.css", "Georgia", "text/css"),
    ),
    "express": (
        ("/", "Guestbook, version v1", "text/html"),
        ("/style.css", "max-width", "text/css"),
        ("/health", '"status":"ok"', "application/json"),
    ),
    "nextjs": (
        ("/", "Rendered on the server", "text/html"),
        ("/api/health", '"version":"v1"', "application/json"),
    ),
    "vite-react": (
        ("/made/in/the/browser", '<div id="root">', "text/html"),
        ("/counter.svg", "<circle", "image/svg+xml"),
    ),
    "astro": (
        ("/", "built before anybody asked", "text/html"),
        ("/about/", "written in Markdown", "text/html"),
    ),
    "pnpm-workspace": (
        ("/", "Hello, world! This is version v1.", "text/plain"),
        ("/hello/Ann", "Hello, Ann!", "text/plain"),
    ),
    "uv-workspace": (("/?line=2", "Neither I nor you", "application/json"),),
    "streamlit": (("/_stcore/health", "ok", "text/plain"), ("/", "<html", "text/html")),
}
"""The expected responses of each example: the path, a part of the text, and the media type."""
ON_DOCKER = ("astro", "nextjs", "pnpm-workspace", "uv-workspace")
ON_THE_HOST = tuple(name for name in ANSWERS if name not in {"astro", "nextjs"})
"""The examples that are deployed as processes. `tests/engine/test_languages.py` covers Docker."""
BUILD_PATIENCE = 300

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(BUILD_PATIENCE),
]


async def test_fastapi_example_is_planned_built_and_logged_and_accepts_websockets(
    ann: Person, repositories: Path
) -> None:
    """The log begins with the plan and ends with the program's own lines, without a gap."""
    repository = example(repositories / "greeter", "fastapi")
    project = await ann.project(repository.path, "Greeter")
    plan = await ann.ask("POST", f"/projects/{project['id']}/plan")
    greeting = {"project_id": project["id"], "key": "GREETING", "value": "Welcome"}
    await ann.ask("POST", "/env", greeting)

    deployment = await ann.deploy(project, patience=BUILD_PATIENCE)
    page = await ann.read(project)
    ready = f"greeter v1 of commit {deployment['commit_sha']} is ready"
    lines = await ann.wait_until_logged(deployment, ready)
    async with ann.connect(project, "/ws") as socket:
        await socket.send("ahoy")
        answer = await socket.recv()

    assert ("fastapi", "program", deployment["commit_sha"], ["GREETING"]) == (
        plan["framework"], plan["kind"], plan["commit_sha"], plan["env"]["unset"]
    )  # fmt: skip
    assert "fastapi" == deployment["framework"]
    assert {"the code reads GREETING (not set)"} == set(plan["explanation"]) - set(messages(lines))
    assert "Welcome from version v1" in page
    assert f"<code>{deployment['commit_sha']}</code>" in page
    assert "ahoy" == answer
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert [ready] == [text for text in messages(lines) if text.startswith("greeter")]
    assert {"system", "stdout", "stderr"} == {line["stream"] for line in lines}
    assert ["source", "build", "start"] == list(dict.fromkeys(line["phase"] for line in lines))[:3]


@ON_ALL_RUNTIMES
async def test_static_example_is_rolled_back_without_its_repository(
    ann: Person, repositories: Path
) -> None:
    """The site has its own 404 page. A rollback neither clones nor builds."""
    repository = example(repositories / "site", "static")
    project = await ann.project(repository.path, "Site")

    first = await ann.deploy(project)
    pages = [await ann.read(project)]
    missing = await ann.visit(project["url"], "/nowhere")
    style = await ann.visit(project["url"], "/assets/style.css")
    edit(repository, "index.html", "version v1", "version v2")
    await ann.deploy(project)
    pages.append(await ann.read(project))
    repository.path.rename(repositories / "gone")
    back = await ann.roll_back(first)
    pages.append(await ann.read(project))

    assert ["v1", "v2", "v1"] == [page.partition("version ")[2][:2] for page in pages]
    assert (404, True) == (missing.status_code, "There is no such page" in missing.text)
    assert "text/css; charset=utf-8" == style.headers["content-type"]
    phases = [event["phase"] for event in await ann.timeline(back)]
    assert {"source", "build"}.isdisjoint(phases)
    assert ["start", "switch", "run"] == phases[-3:]


@ON_EMBEDDED
async def test_sveltekit_example_accepts_a_form(ann: Person, repositories: Path) -> None:
    """The server learns its public address from the router, and accepts the form's origin."""
    project = await ann.project(example(repositories / "postcard", "sveltekit").path, "Postcard")

    await ann.deploy(project, patience=BUILD_PATIENCE)
    page = await ann.read(project)
    sent = await ann.send_form(project["url"], "/", {"text": "Greetings"})

    assert "Postcard v1 from nobody" in page
    assert (200, True) == (sent.status_code, "You wrote: Greetings" in sent.text)


@ON_EMBEDDED
async def test_worker_example_runs_without_an_address(ann: Person, repositories: Path) -> None:
    """Detection finds that nothing listens. The worker stops with its last line in the log."""
    project = await ann.project(example(repositories / "watch", "worker").path, "Watch")

    deployment = await ann.deploy(project, patience=BUILD_PATIENCE)
    await ann.wait_until_logged(deployment, "Watching http://localhost/")
    await ann.ask("POST", f"/deployments/{deployment['id']}/stop")
    lines = await ann.wait_until_logged(deployment, "The watch ends")

    assert deployment["url"] is None
    assert "runs without an address because there is no web process" in "\n".join(messages(lines))


@pytest.mark.parametrize(
    ("shared_instance", "name"),
    [
        *((EMBEDDED, name) for name in ON_THE_HOST),
        *(pytest.param(*DOCKER.values, name, marks=DOCKER.marks) for name in ON_DOCKER),
    ],
    indirect=["shared_instance"],
    scope="session",
)
async def test_example_responds_as_expected(ann: Person, repositories: Path, name: str) -> None:
    """Each kind of application is built and started unchanged, and serves its pages and files."""
    project = await ann.project(example(repositories / name, name).path, name)

    await ann.deploy(project, patience=BUILD_PATIENCE)

    for path, text, kind in ANSWERS[name]:
        answer = await ann.visit(project["url"], path)
        assert (200, kind) == (answer.status_code, answer.headers["content-type"].split(";")[0])
        assert text in answer.text
