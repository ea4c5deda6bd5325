"""The main job: example applications become addresses that answer, change, and go back."""

from pathlib import Path

import pytest
from tests.acceptance.apps import edit, example
from tests.acceptance.people import Json, Person, messages, numbers
from tests.acceptance.variants import BUILDS, ON_ONE_MACHINE

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
"""What the examples answer: paths, a part of the text, and its type."""
BUNDLED = ("nextjs", "vite-react", "astro", "pnpm-workspace")
"""Those whose builds take longer than all else."""
BUILD_PATIENCE = 300
"""Bundlers take their time on a machine that has other things to do."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(BUILD_PATIENCE),
]


async def deployed_under_watch(ann: Person, project: Json) -> tuple[Json, list[Json]]:
    """Deploy, and return what runs with the lines that a WebSocket has brought meanwhile."""
    begun = await ann.begin(project)
    async with ann.watching(begun) as watch:
        seen = await watch.until("It is healthy and takes over.")
    running = await ann.outcome(begun)
    assert "running" == running["status"], running["error"]
    return running, seen


async def see_it_answer(ann: Person, repositories: Path, name: str) -> None:
    """Deploy an example, and ask it for all that it should answer."""
    project = await ann.project(example(repositories / name, name).path, name)

    await ann.deploy(project, patience=BUILD_PATIENCE)

    for path, text, kind in ANSWERS[name]:
        answer = await ann.visit(project["url"], path)
        assert (200, kind) == (answer.status_code, answer.headers["content-type"].split(";")[0])
        assert text in answer.text


async def test_fastapi_example_is_deployed_changed_and_rolled_back(
    ann: Person, repositories: Path
) -> None:
    """An application with dependencies says its commit, then the next one, then the first."""
    repository = example(repositories / "greeter", "fastapi")
    project = await ann.project(repository.path, "Greeter")
    greeting = {"project_id": project["id"], "key": "GREETING", "value": "Welcome"}
    await ann.ask("POST", "/env", greeting)

    first, seen = await deployed_under_watch(ann, project)
    told = await ann.read(project, "/env/GREETING")
    first_page = await ann.read(project)
    commit = edit(repository, "greeter/__init__.py", "v1", "v2")
    second = await ann.deploy(project)
    second_page = await ann.read(project)
    back = await ann.roll_back(first)
    last_page = await ann.read(project)

    assert (await ann.log(first))[: len(seen)] == seen
    assert '{"GREETING":"Welcome"}' == told
    assert "Welcome from version v1" in first_page
    assert f"<code>{first['commit_sha']}</code>" in first_page
    assert "Welcome from version v2" in second_page
    assert f"<code>{commit}</code>" in second_page
    assert first_page == last_page
    assert ("fastapi", commit) == (first["framework"], second["commit_sha"])
    assert ("rollback", first["id"]) == (back["kind"], back["source_deployment_id"])


async def test_static_example_is_deployed_changed_and_rolled_back(
    ann: Person, repositories: Path
) -> None:
    """A site without a program is served with its own 404 page, through a change and back."""
    repository = example(repositories / "site", "static")
    project = await ann.project(repository.path, "Site")

    first, seen = await deployed_under_watch(ann, project)
    pages = [await ann.read(project)]
    missing = await ann.visit(project["url"], "/nowhere")
    style = await ann.visit(project["url"], "/assets/style.css")
    edit(repository, "index.html", "version v1", "version v2")
    await ann.deploy(project)
    pages.append(await ann.read(project))
    await ann.roll_back(first)
    pages.append(await ann.read(project))

    assert (await ann.log(first))[: len(seen)] == seen
    assert ["v1", "v2", "v1"] == [page.partition("version ")[2][:2] for page in pages]
    assert (404, True) == (missing.status_code, "There is no such page" in missing.text)
    assert "text/css; charset=utf-8" == style.headers["content-type"]


@BUILDS
async def test_sveltekit_example_takes_a_form(ann: Person, repositories: Path) -> None:
    """Its server knows by which address a browser came, so that the form's origin is right."""
    project = await ann.project(example(repositories / "postcard", "sveltekit").path, "Postcard")

    await ann.deploy(project, patience=BUILD_PATIENCE)
    page = await ann.read(project)
    sent = await ann.send_form(project["url"], "/", {"text": "Greetings"})

    assert "Postcard v1 from nobody" in page
    assert (200, True) == (sent.status_code, "You wrote: Greetings" in sent.text)


@ON_ONE_MACHINE
@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in BUNDLED])
async def test_example_answers_what_it_should(ann: Person, repositories: Path, name: str) -> None:
    """Each kind of application is built and started as it is, and its pages and files are there."""
    await see_it_answer(ann, repositories, name)


@BUILDS
@pytest.mark.parametrize("name", BUNDLED)
async def test_bundled_example_answers_what_it_should(
    ann: Person, repositories: Path, name: str
) -> None:
    """The same of what is bundled first."""
    await see_it_answer(ann, repositories, name)


async def test_rollback_neither_clones_nor_builds(ann: Person, repositories: Path) -> None:
    """A rollback starts what was kept, even when the repository is gone, and within seconds."""
    repository = example(repositories / "site", "static")
    project = await ann.project(repository.path)
    first = await ann.deploy(project)
    edit(repository, "index.html", "version v1", "version v2")
    await ann.deploy(project)
    repository.path.rename(repositories / "gone")

    back = await ann.roll_back(first)

    phases = [event["phase"] for event in await ann.timeline(back)]
    assert {"source", "build"}.isdisjoint(phases)
    assert ["start", "switch", "run"] == phases[-3:]
    assert back["duration_ms"] < 10_000


@ON_ONE_MACHINE
async def test_log_tells_the_whole_story_in_order(ann: Person, repositories: Path) -> None:
    """What was detected, built and printed is in the log, numbered without a gap."""
    project = await ann.project(example(repositories / "greeter", "fastapi").path)

    deployment = await ann.deploy(project)
    ready = f"greeter v1 of commit {deployment['commit_sha']} is ready"
    lines = await ann.until_logged(deployment, ready)

    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert [ready] == [text for text in messages(lines) if text.startswith("greeter")]
    assert any("Detected fastapi" in text for text in messages(lines))
    assert {"system", "stdout", "stderr"} == {line["stream"] for line in lines}
    assert ["source", "build", "start"] == list(dict.fromkeys(line["phase"] for line in lines))[:3]


@ON_ONE_MACHINE
async def test_websocket_of_an_application_is_routed(ann: Person, repositories: Path) -> None:
    """A WebSocket of an application is open from outside, both ways."""
    project = await ann.project(example(repositories / "greeter", "fastapi").path, "Greeter")
    await ann.deploy(project)

    async with ann.connected(project, "/ws") as socket:
        await socket.send("ahoy")
        answer = await socket.recv()

    assert "ahoy" == answer


async def test_deployment_answers_at_its_own_address_as_well(
    ann: Person, repositories: Path
) -> None:
    """Each deployment has an address of its own, beside that of the project."""
    project = await ann.project(example(repositories / "site", "static").path)

    deployment = await ann.deploy(project)
    own = await ann.visit(deployment["url"])

    assert deployment["url"] != project["url"]
    assert await ann.read(project) == own.text


async def test_api_answers_through_the_router(ann: Person) -> None:
    """The API has an address at the router too."""
    answer = await ann.visit("http://api.localhost", "/api/v1/health")

    assert (200, True) == (answer.status_code, "status" in answer.json())
