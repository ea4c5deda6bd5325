"""Tests the page of a deployment: its live log, the reason for its failure, and its actions."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from attrs import frozen
from playwright.async_api import Locator, expect
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.gates import Gate
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

BUILD = """\
for number in $(seq 1 200); do echo "step $number of 200"; done
printf '\\033[31mred\\033[0m and plain\\n'
echo "no space left" >&2
exit 3
"""


@frozen
class Log:
    """The log on the page of a deployment."""

    visitor: Visitor

    @property
    def lines(self) -> Locator:
        return self.visitor.page.locator(".log-line:not(.log-ruler)")

    @property
    def region(self) -> Locator:
        return self.visitor.page.get_by_role("log")

    def line(self, text: str) -> Locator:
        """Find a line by its complete text."""
        return self.lines.filter(
            has=self.visitor.page.locator(".log-text", has_text=re.compile(f"^{re.escape(text)}$"))
        )

    async def wait_for_status(self, text: str) -> None:
        """Wait until the status line of the log contains *text*."""
        await expect(self.visitor.page.locator(".log-status")).to_contain_text(text)


async def wait_for_status(visitor: Visitor, status: str) -> None:
    """Wait until the page shows that the deployment has *status*."""
    shown = visitor.page.locator(".page-head .status")
    await expect(shown).to_have_text(status, timeout=1000 * PATIENCE)


@pytest.fixture(scope="module")
async def failed_deployment(owner: Person, served_instance: ServedInstance) -> Json:
    """Return a deployment whose build failed after a lot of output."""
    files = {**server("v1"), "build.sh": BUILD}
    repository = repository_of(served_instance.repositories / "unbuildable", files)
    project = await owner.project(repository.path, "unbuildable", build_command="sh build.sh")
    return await owner.outcome(await owner.begin(project))


@pytest.fixture
async def failed_page(visitors: Visitors, owner: Person, failed_deployment: Json) -> Visitor:
    visitor = await visitors(owner)
    await visitor.page.goto(f"/deployments/{failed_deployment['id']}")
    await Log(visitor).wait_for_status("Complete")
    return visitor


async def test_reason_for_a_failure_is_shown_first(failed_page: Visitor) -> None:
    """The reason includes the last lines of the output, and links to their place in the log."""
    reason = failed_page.page.get_by_role("alert", name="Error")

    await expect(reason).to_contain_text("exited with code 3")
    await expect(reason.locator("pre")).to_contain_text("no space left")
    await failed_page.link("Show in log").click()

    await expect(failed_page.page).to_have_url(re.compile(r"#L\d+$"))
    await expect(failed_page.page.locator(".log-selected")).to_contain_text("exited with code 3")
    await expect(failed_page.page.locator(".log-selected")).to_be_in_viewport()
    await expect(failed_page.page.locator(".phases .failed")).to_contain_text("Build")
    crumbs = failed_page.page.get_by_role("navigation", name="Breadcrumbs")
    await expect(crumbs).to_have_text("Projects/unbuildable/Deployments/Deployment 1")


async def test_reason_for_a_failure_is_shown_in_lists(
    failed_page: Visitor, failed_deployment: Json
) -> None:
    """Commands in the reason are formatted as code."""
    await failed_page.go(f"/projects/{failed_deployment['project_id']}/deployments")

    reason = failed_page.page.locator(".deployment-row .reason")
    await expect(reason).to_contain_text("The build command sh build.sh exited with code 3.")
    await expect(reason.locator("code")).to_have_text("sh build.sh")


async def test_a_log_can_be_searched(failed_page: Visitor) -> None:
    """Lines are filtered by text, stream and level, and matches are marked."""
    log, page = Log(failed_page), failed_page.page

    await page.get_by_label("Search log").fill("STEP 5")
    await log.wait_for_status("11 of")
    await expect(page.locator("mark").first).to_have_text("step 5")
    await page.get_by_label("Search log").press("Escape")
    await expect(page.locator("mark")).to_have_count(0)
    await page.get_by_label("Output").select_option("stderr")
    await log.wait_for_status("1 of")
    await expect(log.line("no space left")).to_be_visible()
    await page.get_by_label("Output").select_option("")
    await page.get_by_label("Level").select_option("error")
    await expect(log.lines.first).to_contain_text("exited with code 3")
    await page.get_by_label("Search log").fill("nothing like it")
    await failed_page.button("Show all").click()

    await expect(log.line("red and plain").last.locator(".log-color-1")).to_have_text("red")


async def test_lines_can_be_linked_and_copied(
    failed_page: Visitor, failed_deployment: Json
) -> None:
    """A line number links to its line. Shift selects a range, which can be linked and copied."""
    log, page = Log(failed_page), failed_page.page
    await failed_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"/deployments/{failed_deployment['id']}#L100")
    await expect(page.locator(".log-selected")).to_be_in_viewport()

    number = log.lines.locator(".log-seq")
    await number.filter(has_text=re.compile("^102$")).click(modifiers=["Shift"])
    await expect(page.locator(".log-selected")).to_have_count(3)
    await failed_page.button("Copy selected lines").click()
    await expect(failed_page.button("Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")

    assert page.url.endswith("#L100-L102")
    first = int(copied.split()[1])
    assert [f"step {first + number} of 200" for number in range(3)] == copied.split("\n")


async def test_a_log_can_be_downloaded(failed_page: Visitor) -> None:
    """The complete log is saved as text without colors."""
    async with failed_page.page.expect_download() as begun:
        await failed_page.button("Download log").click()
    download = await begun.value
    text = (await to_thread.run_sync((await download.path()).read_bytes)).decode()

    assert re.fullmatch(r"unbuildable-\d+\.log", download.suggested_filename)
    assert 200 == len(re.findall(r"Z stdout step \d+ of 200$", text, re.MULTILINE))
    assert "stdout red and plain\n" in text
    assert "stderr no space left\n" in text


async def test_a_log_can_be_read_with_the_keyboard(failed_page: Visitor) -> None:
    """Home, PageDown and End scroll the log, and the slash key starts a search."""
    log, page = Log(failed_page), failed_page.page
    await log.region.focus()
    await expect(log.line("step 1 of 200")).to_have_count(0)

    await page.keyboard.press("Home")
    await expect(log.line("step 1 of 200")).to_be_in_viewport()
    await page.keyboard.press("PageDown")
    await expect(log.line("step 1 of 200")).not_to_be_in_viewport()
    await page.keyboard.press("End")
    await expect(log.line("no space left").first).to_be_in_viewport()
    await page.keyboard.press("/")

    await expect(page.get_by_label("Search log")).to_be_focused()


@pytest.fixture(scope="module")
async def shop(owner: Person, served_instance: ServedInstance) -> Json:
    """Return a project with two versions."""
    repository = repository_of(served_instance.repositories / "two-versions", server("v1"))
    project = await owner.project(repository.path, "two versions", rollback_window=0)
    first = await owner.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    second = await owner.deploy(project)
    return {"project": project, "first": first, "second": second}


async def test_a_rollback_and_a_restart_are_shown_as_they_happen(
    visitors: Visitors, owner: Person, shop: Json
) -> None:
    """The page shows the progress. The page of the replaced deployment shows that it has ended."""
    watcher, visitor = await visitors(owner), await visitors(owner)
    await watcher.page.goto(f"/deployments/{shop['second']['id']}")
    await visitor.page.goto(f"/deployments/{shop['first']['id']}")
    await expect(watcher.button("Restart")).to_be_visible()

    await visitor.button("Roll back to this deployment").click()
    await visitor.button("Roll back").click()

    await expect(visitor.heading("Deployment 3")).to_be_visible()
    await wait_for_status(visitor, "Running")
    await expect(visitor.page.locator(".phases .skipped")).to_have_count(2)
    assert "v1" == await owner.read(shop["project"])
    await wait_for_status(watcher, "Stopped")
    await expect(watcher.button("Restart")).to_have_count(0)

    await visitor.button("Restart").click()
    await expect(visitor.page.locator(".timeline")).to_contain_text("A restart was requested")
    await visitor.button("Stop").click()
    await visitor.confirm("Stop")
    await wait_for_status(visitor, "Stopped")
    await visitor.button("Start").click()
    await expect(visitor.heading("Deployment 4")).to_be_visible()


@pytest.fixture
async def building_deployment(
    owner: Person, served_instance: ServedInstance, tmp_path: Path
) -> AsyncIterator[Json]:
    """Return a deployment whose build waits for a file."""
    repository = repository_of(served_instance.repositories / tmp_path.name, server("v1"))
    gate = Gate(served_instance.repositories / f"{tmp_path.name}-gate")
    project = await owner.project(repository.path, tmp_path.name, build_command=gate.command)
    deployment = await owner.begin(project)
    await owner.wait_until_logged(deployment, "waiting")
    yield deployment
    await owner.ask("DELETE", f"/projects/{project['id']}")


async def test_a_build_is_followed_over_a_lost_connection_and_canceled(
    visitors: Visitors, owner: Person, building_deployment: Json
) -> None:
    """No line is lost or shown twice, and a button cancels the build."""
    visitor = await visitors(owner)
    log, page = Log(visitor), visitor.page
    visitor.ignore_faults("ERR_INTERNET_DISCONNECTED")
    await page.goto(f"/deployments/{building_deployment['id']}")
    await log.wait_for_status("Live")
    await expect(log.line("waiting")).to_be_visible()
    await expect(page.locator(".phases .now")).to_contain_text("Build")

    await visitor.context.set_offline(True)
    await log.wait_for_status("You are offline")
    await visitor.context.set_offline(False)
    await log.wait_for_status("Live")
    await visitor.button("Cancel deployment").click()

    await wait_for_status(visitor, "Canceled")
    await log.wait_for_status("Complete")
    await expect(visitor.button("Cancel deployment")).to_have_count(0)
    await expect(visitor.button("Deploy again")).to_be_visible()
    seqs = [int(text) for text in await log.lines.locator(".log-seq").all_text_contents()]
    assert list(range(1, len(await owner.log(building_deployment)) + 1)) == seqs


async def test_missing_deployment_is_reported(visitor: Visitor) -> None:
    """Another user's deployments are reported in the same way."""
    path = "/deployments/00000000-0000-4000-8000-000000000000"

    await visitor.page.goto(path)
    await expect(visitor.page.get_by_role("alert")).to_contain_text("no such deployment")
    await visitor.page.close()

    answers = {f"404 GET /api/v1{path}", f"404 GET /api/v1{path}/events"}
    assert set(visitor.refused) <= answers
    visitor.refused.clear()
