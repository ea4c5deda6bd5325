"""Tests that names and program output are shown as text, never as markup."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.apps import program
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.scenes import PARTS
from tests.dashboard.visitors import Screen, Visitor
from tests.served_instance import ServedInstance

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = """"'><svg/onload=alert(1)>"""
ADDRESS = "javascript:alert(1)"
TEMPLATE = "${alert(1)}{{constructor.constructor('alert(1)')()}}"
HYPERLINK = f"\x1b]8;;{ADDRESS}\x07{ADDRESS}\x1b]8;;\x07"
COLOURED = f"\x1b[31m{IMAGE}\x1b[0m"
BACKWARDS = f"\u202e{IMAGE}\u202c"
LONG = f"{SCRIPT}{'x' * 20_000}"
TEXTS = (LONG, IMAGE, SCRIPT, ATTRIBUTE, ADDRESS, TEMPLATE, HYPERLINK, COLOURED, BACKWARDS)

_LEFT_OVER = """
() => [...document.querySelectorAll("body *")].flatMap((element) => [
  ...(element.matches("script, img, iframe, object, embed, base, meta, link, style")
    ? [element.outerHTML.slice(0, 200)] : []),
  ...[...element.attributes].filter(({ name, value }) =>
    name.startsWith("on") || name === "srcdoc" || /^\\s*(javascript|data|vbscript):/i.test(value)
      && name !== "title" && name !== "value" && name !== "aria-label"
  ).map(({ name, value }) => `${element.localName} ${name}=${value.slice(0, 100)}`),
])
"""
"""Finds elements and attributes that could run scripts."""

_SERVER = """
import os
from http.server import HTTPServer, SimpleHTTPRequestHandler

HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture(scope="module")
async def mallory(served_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.sign_up(served_instance, name=f"{IMAGE}{ADDRESS}") as mallory:
        yield mallory
        await mallory.leave()


@pytest.fixture(scope="module")
async def deployments(mallory: Person, served_instance: ServedInstance) -> Sequence[Json]:
    """Return a running and a failed deployment of a project whose texts are all hostile."""
    repository = Repository.create(served_instance.repositories / "hostile")
    shout = f"for text in {TEXTS!r}:\n    print(text, flush=True)\n"
    repository.commit("Begin", program(f"{shout}{_SERVER}"))
    author = f"{ATTRIBUTE} {ADDRESS}".replace("<", "").replace(">", "")
    message = f"{IMAGE} {BACKWARDS} {COLOURED}\n\n{LONG}"
    repository.git("commit", "--allow-empty", f"--author={author} <m@example.com>", "-m", message)
    project = await mallory.project(repository.path, f"{ATTRIBUTE}{IMAGE}{TEMPLATE}"[:100])
    running = await mallory.deploy(project)
    repository.commit(message, {"texts": "\n".join(TEXTS)})
    building = {"build_command": f"cat texts; : '{IMAGE}'; exit 3", "health_check_path": "/"}
    await mallory.ask("PATCH", f"/projects/{project['id']}", building)
    failed = await mallory.outcome(await mallory.begin(project))
    assert "failed" == failed["status"]
    await mallory.ask("POST", "/tokens", {"name": SCRIPT, "scope": "read"})
    invited = {"email": "'{{alert`1`}}'@example.com", "role": "viewer"}
    await mallory.ask("POST", f"/projects/{project['id']}/invitations", invited)
    return [running, failed]


@pytest.fixture
async def visitor(visitors: Visitors, mallory: Person) -> Visitor:
    return await visitors(mallory, Screen(size=(1280, 2400)))


async def require_only_text(visitor: Visitor) -> None:
    """Require that no text on the page has become an element or attribute."""
    assert [] == await visitor.page.evaluate(_LEFT_OVER)


async def test_names_are_shown_as_text_on_every_page(
    visitor: Visitor, mallory: Person, deployments: Sequence[Json]
) -> None:
    """Covers names of projects, users and tokens, commit messages, and commands. No script runs."""
    project = await mallory.ask("GET", f"/projects/{deployments[0]['project_id']}")
    path = f"/projects/{project['id']}"

    for page in ("/", *(f"{path}{part}" for part in PARTS)):
        await visitor.go(page)
        await expect(visitor.page.get_by_text(project["name"]).first).to_be_visible()
        await require_only_text(visitor)
    await visitor.go("/account")
    await expect(visitor.page.get_by_text(SCRIPT, exact=True).first).to_be_visible()
    await require_only_text(visitor)


@pytest.mark.parametrize("index", [0, 1], ids=["running", "failed"])
async def test_lines_of_a_log_are_shown_as_text(
    visitor: Visitor, deployments: Sequence[Json], index: int
) -> None:
    """Markup, URLs and terminal sequences are shown as printed."""
    await visitor.go(f"/deployments/{deployments[index]['id']}")

    for text in (IMAGE, SCRIPT, ATTRIBUTE, ADDRESS, TEMPLATE, BACKWARDS):
        await expect(visitor.line(text).first).to_be_visible()
        await visitor.line(text).first.hover()
    await require_only_text(visitor)


async def test_text_in_an_address_is_not_markup(visitor: Visitor) -> None:
    """Markup in the path, query or fragment of a link is not executed."""
    for place in ("/projects/{}", "/deployments/{}", "/?{}", "/#{}", "/new?{}"):
        await visitor.go(place.format(quote(IMAGE)))

        await require_only_text(visitor)
    visitor.refused.clear()
