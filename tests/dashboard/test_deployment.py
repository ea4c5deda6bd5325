"""The page of a deployment: its log as it grows, why it failed, and what is done with it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from attrs import frozen
from playwright.async_api import Locator, expect
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import Gate
from tests.acceptance.people import PATIENCE, Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

BUILD = """\
for number in $(seq 1 200); do echo "step $number of 200"; done
printf '\\033[31mred\\033[0m and plain\\n'
echo "no space left" >&2
exit 3
"""


@frozen
class Log:
    """The log of a deployment, on the page before somebody."""

    visitor: Visitor

    @property
    def lines(self) -> Locator:
        return self.visitor.page.locator(".log-line:not(.log-ruler)")

    @property
    def region(self) -> Locator:
        return self.visitor.page.get_by_role("log")

    def line(self, text: str) -> Locator:
        """Find a line by all that it says."""
        return self.lines.filter(
            has=self.visitor.page.locator(".log-text", has_text=re.compile(f"^{re.escape(text)}$"))
        )

    async def stands(self, text: str) -> None:
        """Wait until the line below the log says *text*."""
        await expect(self.visitor.page.locator(".log-status")).to_contain_text(text)


async def stands(visitor: Visitor, status: str) -> None:
    """Wait until the deployment before somebody is said to stand so."""
    shown = visitor.page.locator(".page-head .status")
    await expect(shown).to_have_text(status, timeout=1000 * PATIENCE)


@pytest.fixture(scope="module")
async def failed(owner: Person, served: Served) -> Json:
    """Return a deployment that could not be built, and said much before."""
    files = {**server("v1"), "build.sh": BUILD}
    repository = repository_of(served.repositories / "unbuildable", files)
    project = await owner.project(repository.path, "unbuildable", build_command="sh build.sh")
    return await owner.outcome(await owner.begin(project))


@pytest.fixture
async def at_failed(visitors: Visitors, owner: Person, failed: Json) -> Visitor:
    visitor = await visitors(owner)
    await visitor.page.goto(f"/deployments/{failed['id']}")
    await Log(visitor).stands("Complete")
    return visitor


async def test_why_it_failed_stands_on_top(at_failed: Visitor) -> None:
    """The reason is told with the last lines of the program, and leads to its place in the log."""
    reason = at_failed.page.get_by_role("alert", name="Why")

    await expect(reason).to_contain_text("exited with code 3")
    await expect(reason.locator("pre")).to_contain_text("no space left")
    await at_failed.link("See it in the log").click()

    await expect(at_failed.page).to_have_url(re.compile(r"#L\d+$"))
    await expect(at_failed.page.locator(".log-pointed")).to_contain_text("exited with code 3")
    await expect(at_failed.page.locator(".log-pointed")).to_be_in_viewport()
    await expect(at_failed.page.locator(".phases .failed")).to_contain_text("Build")


async def test_a_log_is_searched(at_failed: Visitor) -> None:
    """By a text, an output and a level fewer lines are shown, and what is looked for is marked."""
    log, page = Log(at_failed), at_failed.page

    await page.get_by_label("Find in the log").fill("STEP 5")
    await log.stands("11 of")
    await expect(page.locator("mark").first).to_have_text("step 5")
    await page.get_by_label("Find in the log").press("Escape")
    await expect(page.locator("mark")).to_have_count(0)
    await page.get_by_label("Output").select_option("stderr")
    await log.stands("1 of")
    await expect(log.line("no space left")).to_be_visible()
    await page.get_by_label("Output").select_option("")
    await page.get_by_label("Level").select_option("error")
    await expect(log.lines.first).to_contain_text("exited with code 3")
    await page.get_by_label("Find in the log").fill("nothing like it")
    await at_failed.button("Show all").click()

    await expect(log.line("red and plain").last.locator(".log-colour-1")).to_have_text("red")


async def test_lines_are_linked_to_and_copied(at_failed: Visitor, failed: Json) -> None:
    """A number is a link to its line, and with Shift to a range, which is then what is copied."""
    log, page = Log(at_failed), at_failed.page
    await at_failed.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"/deployments/{failed['id']}#L100")
    await expect(page.locator(".log-pointed")).to_be_in_viewport()

    number = log.lines.locator(".log-seq")
    await number.filter(has_text=re.compile("^102$")).click(modifiers=["Shift"])
    await expect(page.locator(".log-pointed")).to_have_count(3)
    await at_failed.button("Copy the marked lines").click()
    await expect(at_failed.button("Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")

    assert page.url.endswith("#L100-L102")
    first = int(copied.split()[1])
    assert [f"step {first + number} of 200" for number in range(3)] == copied.split("\n")


async def test_a_log_is_downloaded(at_failed: Visitor) -> None:
    """The whole log is saved as a text without colours, whatever is in sight."""
    async with at_failed.page.expect_download() as begun:
        await at_failed.button("Download as text").click()
    download = await begun.value
    text = (await to_thread.run_sync((await download.path()).read_bytes)).decode()

    assert re.fullmatch(r"unbuildable-\d+\.log", download.suggested_filename)
    assert 200 == len(re.findall(r"Z stdout step \d+ of 200$", text, re.MULTILINE))
    assert "stdout red and plain\n" in text
    assert "stderr no space left\n" in text


async def test_a_log_is_read_by_keyboard(at_failed: Visitor) -> None:
    """The log takes the keys that move in a text, and the one that finds something in it."""
    log, page = Log(at_failed), at_failed.page
    await log.region.focus()
    await expect(log.line("step 1 of 200")).to_have_count(0)

    await page.keyboard.press("Home")
    await expect(log.line("step 1 of 200")).to_be_in_viewport()
    await page.keyboard.press("PageDown")
    await expect(log.line("step 1 of 200")).not_to_be_in_viewport()
    await page.keyboard.press("End")
    await expect(log.line("no space left").first).to_be_in_viewport()
    await page.keyboard.press("/")

    await expect(page.get_by_label("Find in the log")).to_be_focused()


@pytest.fixture(scope="module")
async def shop(owner: Person, served: Served) -> Json:
    """Return a project of which two versions have run."""
    repository = repository_of(served.repositories / "two-versions", server("v1"))
    project = await owner.project(repository.path, "two versions")
    first = await owner.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    second = await owner.deploy(project)
    return {"project": project, "first": first, "second": second}


async def test_it_is_rolled_back_and_restarted_under_ones_eyes(
    visitors: Visitors, owner: Person, shop: Json
) -> None:
    """
    What served before serves again after a question; the page of the new deployment shows how it
    comes to run, and what replaced it is seen to stop.
    """
    watcher, visitor = await visitors(owner), await visitors(owner)
    await watcher.page.goto(f"/deployments/{shop['second']['id']}")
    await visitor.page.goto(f"/deployments/{shop['first']['id']}")
    await expect(watcher.button("Restart")).to_be_visible()

    await visitor.button("Roll back to this").click()
    await visitor.button("Roll back").click()

    await expect(visitor.heading("Deployment 3")).to_be_visible()
    await stands(visitor, "Running")
    await expect(visitor.page.locator(".phases .skipped")).to_have_count(2)
    assert "v1" == await owner.read(shop["project"])
    await stands(watcher, "Stopped")
    await expect(watcher.button("Restart")).to_have_count(0)

    await visitor.button("Restart").click()
    await expect(visitor.page.locator(".timeline")).to_contain_text("A restart was asked for")
    await visitor.button("Stop").click()
    await visitor.button("Stop it").click()
    await stands(visitor, "Stopped")
    await visitor.button("Start").click()
    await expect(visitor.heading("Deployment 4")).to_be_visible()


@pytest.fixture
async def building(owner: Person, served: Served, tmp_path: Path) -> AsyncIterator[Json]:
    """Return a deployment whose build waits."""
    repository = repository_of(served.repositories / tmp_path.name, server("v1"))
    gate = Gate(served.repositories / f"{tmp_path.name}-gate")
    project = await owner.project(repository.path, tmp_path.name, build_command=gate.command)
    deployment = await owner.begin(project)
    await owner.until_logged(deployment, "waiting")
    yield deployment
    await owner.ask("DELETE", f"/projects/{project['id']}")


async def test_a_build_is_watched_through_a_lost_connection_and_cancelled(
    visitors: Visitors, owner: Person, building: Json
) -> None:
    """
    A lost connection is told and made again without a line lost or shown twice; what is in work
    is cancelled by a button, and said to be.
    """
    visitor = await visitors(owner)
    log, page = Log(visitor), visitor.page
    visitor.forgive("ERR_INTERNET_DISCONNECTED")
    await page.goto(f"/deployments/{building['id']}")
    await log.stands("Live")
    await expect(log.line("waiting")).to_be_visible()
    await expect(page.locator(".phases .now")).to_contain_text("Build")

    await visitor.context.set_offline(True)
    await log.stands("You are not connected")
    await visitor.context.set_offline(False)
    await log.stands("Live")
    await visitor.button("Cancel").click()

    await stands(visitor, "Cancelled")
    await log.stands("Complete")
    await expect(visitor.button("Cancel")).to_have_count(0)
    await expect(visitor.button("Deploy this commit again")).to_be_visible()
    seqs = [int(text) for text in await log.lines.locator(".log-seq").all_text_contents()]
    assert list(range(1, len(await owner.log(building)) + 1)) == seqs


async def test_viewers_only_look(visitors: Visitors, owner: Person, failed: Json) -> None:
    """Whoever may only look at a project is shown its log, and offered nothing."""
    async with Person.signed_up(owner.served) as guest:
        email = (await guest.ask("GET", "/auth/me"))["email"]
        path = f"/projects/{failed['project_id']}/invitations"
        invitation = await owner.ask("POST", path, {"email": email, "role": "viewer"})
        await guest.ask("POST", f"/invitations/{invitation['id']}/accept")
        visitor = await visitors(guest)

        await visitor.page.goto(f"/deployments/{failed['id']}")
        await Log(visitor).stands("Complete")

        await expect(visitor.page.locator(".facts, .deployment-facts").first).to_be_visible()
        await expect(visitor.button("Deploy this commit again")).to_have_count(0)


async def test_what_is_not_there_is_told(visitor: Visitor) -> None:
    """An address of a deployment that is gone, or somebody else's, says so."""
    path = "/deployments/00000000-0000-4000-8000-000000000000"

    await visitor.page.goto(path)
    await expect(visitor.page.get_by_role("alert")).to_contain_text("no such deployment")
    await visitor.page.close()

    answers = {f"404 GET /api/v1{path}", f"404 GET /api/v1{path}/events"}
    assert set(visitor.refused) <= answers
    visitor.refused.clear()
