"""Tests `pushpaka logs`, which filters, limits and follows lines."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve
from tests.cli.commands.machines import Machine, Server, Shop, run_in_background
from tests.wait_until import wait_until

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogStream
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.objects.deployments import a_log_entry
from pushpaka_core.testing.objects.values import NOON
from pushpaka_http.cli.ui.moments import parse_moment


async def append_lines(server: Server, deployment_id: str, *lines: tuple[str, LogStream]) -> None:
    """Add lines to a log as a worker does."""
    entries = [a_log_entry(message, stream=stream) for message, stream in lines]
    async with server.storage.transaction() as uow:
        await uow.logs.append(DeploymentId(UUID(deployment_id)), entries)


@pytest.fixture
def failed_shop(ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return a project whose only deployment has failed, so that the log is complete."""
    monkeypatch.setattr(server.builder, "output", ("\x1b[31mred\x1b[0m\x1b[2J\n", "stands\n"))
    monkeypatch.setattr(server.builder, "failure", BuildError("No luck."))
    shop = Shop.create(server, ann, ann.folder.name.replace("_", "-"))
    shop.machine.run("deploy", code=1)
    server.call(append_lines, server, shop.deployments()[0]["id"], ("Roof", LogStream.STDERR))
    return shop


def messages(output: str) -> list[str]:
    """Return the message of each printed line."""
    return [line.partition(" | ")[2] for line in output.splitlines()]


def test_a_log_is_shown_and_followed(failed_shop: Shop) -> None:
    """Options filter lines by stream, level and text. `--follow` exits at the end of the log."""
    (deployment,) = failed_shop.deployments()
    log = failed_shop.log(deployment["id"])

    shown = failed_shop.machine.run("logs", deployment["id"])
    listed = failed_shop.machine.json("logs")
    after = failed_shop.machine.json("logs", "--since-line", "3")
    followed_after = failed_shop.machine.run("logs", "-f", "--since-line", "3", "--json")
    followed = failed_shop.machine.run("logs", "--follow")

    assert len(log) == len(messages(shown.stdout))
    assert {"red", "Roof", "stands"} <= set(messages(shown.stdout))
    assert "\x1b" not in shown.stdout
    assert {"data": log} == listed
    assert log[3:] == after["data"]
    assert log[3:] == [json.loads(line) for line in followed_after.stdout.splitlines()]
    assert shown.stdout == failed_shop.machine.run("logs", failed_shop.name).stdout
    assert shown.stdout == followed.stdout
    end = f"End of the log: {deployment['id'][:8]} is failed.\n"
    assert end == followed.stderr
    for words, expected in (
        (("--stream", "stderr"), ["Roof"]),
        (("--grep", "roof", "--stream", "stderr"), ["Roof"]),
        (("--stream", "stdout", "--tail", "1"), ["stands"]),
        (("--level", "debug"), []),
        (("--tail", "0"), []),
    ):
        for follow in ((), ("--follow",)):
            assert expected == messages(failed_shop.machine.run("logs", *follow, *words).stdout)


def test_log_is_filtered_by_time(failed_shop: Shop) -> None:
    """A line that was written exactly at the given time is included."""
    (deployment,) = failed_shop.deployments()
    log = failed_shop.log(deployment["id"])
    moments = [datetime.fromisoformat(line["created_at"]) for line in log]
    since = log[2]["created_at"]
    expected = [line for line, at in zip(log, moments, strict=True) if at >= moments[2]]

    shown = failed_shop.machine.json("logs", "--since", since)
    followed = failed_shop.machine.run("logs", "-f", "--since", since, "--json")
    refused = failed_shop.machine.run("logs", "--since", "yesterday", code=2)

    assert 0 < len(expected) < len(log)
    assert {"data": expected} == shown
    assert expected == failed_shop.machine.printed_objects(followed)
    assert "Invalid value for '--since': TIME must be a duration such as " in refused.stderr


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOON - timedelta(seconds=90)),
        ("1h", NOON - timedelta(hours=1)),
        ("2d1h30m", NOON - timedelta(days=2, hours=1, minutes=30)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:30Z", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
        ("2026-03-01T12:30+02:00", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_duration_or_a_timestamp(text: str, moment: datetime) -> None:
    """A duration counts back from now. A timestamp without an offset is in UTC."""
    assert moment == parse_moment(text, NOON)


@pytest.mark.parametrize("text", ["", "1", "h", "1h ago", "-1h", "1.5h", "99999999999d"])
def test_an_invalid_time_is_refused(text: str) -> None:
    """The message shows examples of valid times."""
    with pytest.raises(ValueError, match="must be a duration such as 90s, 30m, 1h or 2d"):
        parse_moment(text, NOON)


def test_logs_can_be_selected_by_project(failed_shop: Shop) -> None:
    """In any folder, a project's name or id selects a log, and so does a complete deployment id."""
    (deployment,) = failed_shop.deployments()
    elsewhere = evolve(failed_shop.machine, folder=failed_shop.machine.folder.parent)

    by_name = elsewhere.json("logs", failed_shop.name)
    by_project_id = elsewhere.json("logs", failed_shop.id)
    by_deployment_id = elsewhere.json("logs", deployment["id"])
    by_both = elsewhere.json("logs", deployment["id"][:8], "--project", failed_shop.name)
    typo = elsewhere.run("logs", f"{failed_shop.name}s", code=1)
    unknown = failed_shop.machine.run("logs", "0123abcd", code=1)

    assert {"data": failed_shop.log(deployment["id"])} == by_name
    assert by_name == by_project_id == by_deployment_id == by_both
    assert (
        f'There is no project "{failed_shop.name}s". Did you mean "{failed_shop.name}"?'
        in typo.stderr
    )
    assert 'No deployment matches the id "0123abcd"' in unknown.stderr


def test_new_lines_are_followed(
    ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project without an active deployment shows the log of its newest deployment."""
    monkeypatch.setattr(server.builder, "is_hanging", True)
    shop = Shop.create(server, ann, "growing")
    id_ = shop.deploy()["id"]
    wait_until(lambda: "Built." in [line["message"] for line in shop.log(id_)])

    def add_line_and_cancel() -> None:
        server.call(append_lines, server, id_, ("on", LogStream.STDOUT))
        shop.ask("POST", f"/deployments/{id_}/cancel")

    with run_in_background(add_line_and_cancel):
        followed = shop.machine.run("logs", "-f")

    shown = messages(followed.stdout)
    assert ["Built.", "on"] == shown[shown.index("Built.") :][:2]
    assert followed.stderr.endswith("is cancelled.\n")
