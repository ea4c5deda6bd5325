"""Tests `pushpaka domains`, `webhooks`, `deploy-key` and `notifications`."""

import socket

import pytest
from tests.cli.commands.machines import Machine, Server

from pushpaka_http.cli.commands.project import domains
from pushpaka_http.cli.ui.public_addresses import is_private

pytestmark = pytest.mark.usefixtures("project")


def test_a_domain_is_added_with_the_records_to_set(ann: Machine) -> None:
    """The output contains the TXT record that proves the ownership."""
    added = ann.run("domains", "add", "www.first.example")

    (domain,) = ann.json("domains", "list")["data"]
    record = domain["verification"]
    assert f"  TXT  {record['name']}  {record['value']}" in added.stdout.splitlines()
    assert "Next: pushpaka domains verify --wait www.first.example" in added.stderr


def test_a_domain_is_verified_once_its_record_exists(
    ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing record is shown, and `--wait` waits for it."""
    ann.run("domains", "add", "www.second.example")
    (domain,) = ann.json("domains", "list")["data"]
    record, records = domain["verification"], server.resolver.records

    early = ann.run("domains", "verify", "www.second.example", code=1)
    monkeypatch.setattr(domains, "CHECK_INTERVAL", 0)
    monkeypatch.setattr(
        "time.sleep",
        lambda _: records.update({(record["name"], "TXT"): (record["value"],)}),
    )
    late = ann.run("domains", "verify", "--wait", "www.second.example")

    assert record["value"] in early.stderr
    assert "Not verified yet: " in late.stderr
    assert late.stdout.startswith("www.second.example is verified.\n")


def test_a_domain_is_removed(ann: Machine) -> None:
    """The most similar name is suggested for an unknown one."""
    ann.run("domains", "add", "www.third.example")

    unasked = ann.run("domains", "remove", "www.third.example", code=2)
    typo = ann.run("domains", "remove", "www.thrid.example", "--yes", code=1)
    ann.run("domains", "remove", "www.third.example", "--yes")

    assert "Use --yes" in unasked.stderr
    assert 'Did you mean "www.third.example"?' in typo.stderr
    assert "There are no custom domains.\n" == ann.run("domains", "list").stderr


def test_a_webhook_is_created_for_the_git_provider_of_the_repository(ann: Machine) -> None:
    """The URL and the secret are shown once, along with the Git provider's page for webhooks."""
    made = ann.run("webhooks", "create", "--previews")

    (webhook,) = ann.json("webhooks", "list")["data"]
    lines = dict(line.split() for line in made.stdout.splitlines())
    assert webhook["url"] == lines["URL"]
    assert ("github", True, False) == (webhook["provider"], webhook["previews"], webhook["forks"])
    assert "Settings > Webhooks" in made.stderr
    assert lines["Secret"] not in ann.run("webhooks", "list").output


@pytest.mark.parametrize(
    "arguments", [("webhooks", "create"), ("domains", "add", "www.lan.example")]
)
def test_an_address_that_the_internet_cannot_reach_causes_a_warning(
    ann: Machine, arguments: tuple[str, ...]
) -> None:
    """The instance has a local host name. With `--json`, no warning is printed."""
    warned = ann.run(*arguments)
    silent = ann.run(arguments[0], "list", "--json")

    (line,) = [line for line in warned.stderr.splitlines() if line.startswith("Warning: ")]
    assert ".localhost cannot be reached from the internet. Only " in line
    assert "" == silent.stderr


@pytest.mark.parametrize(
    ("host", "addresses", "expected"),
    [
        ("127.0.0.1", [], True),
        ("shop.localhost", [], True),
        ("192.168.1.5", [], True),
        ("1.1.1.1", [], False),
        ("shop.lan", ["10.0.0.5"], True),
        ("shop.lan", ["fe80::1%eth0"], True),
        ("shop.example", ["10.0.0.5", "1.1.1.1"], False),
        ("shop.example", [], False),
    ],
)
def test_a_host_is_private_if_all_its_addresses_are(
    host: str, addresses: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host name without an address is not private, because it may get a public one."""

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        if not addresses:
            raise socket.gaierror
        return [(None, None, None, "", (address, 0)) for address in addresses]

    monkeypatch.setattr("socket.getaddrinfo", look_up)

    assert expected is is_private(host)


def test_a_webhook_is_rotated_and_removed(ann: Machine) -> None:
    """Rotating a webhook returns a new secret."""
    made = ann.json("webhooks", "create", "--provider", "gitea")

    rotated = ann.json("webhooks", "rotate", made["id"])
    ann.run("webhooks", "remove", made["id"], "--yes")

    assert made["secret"] != rotated["secret"]
    assert {"data": []} == ann.json("webhooks", "list")


def test_lists_contain_only_the_project(ann: Machine) -> None:
    """Without `--project`, only the resources of the folder's own project are listed."""
    ann.create("elsewhere")
    ann.run("domains", "add", "www.elsewhere.example", "-p", "elsewhere")
    ann.run("webhooks", "create", "-p", "elsewhere", "--provider", "gitea")
    ann.run("notifications", "add", "json://example.com", "-p", "elsewhere")

    for group in ("domains", "webhooks", "notifications"):
        assert {"data": []} == ann.json(group, "list")
        assert 1 == len(ann.json(group, "list", "-p", "elsewhere")["data"])


def test_a_deploy_key_is_created_shown_and_removed(ann: Machine) -> None:
    """The output is the public key, which can be pasted into the Git provider."""
    none = ann.run("deploy-key", "show", code=1)
    made = ann.run("deploy-key", "create")
    shown = ann.json("deploy-key", "show")
    ann.run("deploy-key", "remove", "--yes")

    assert none.stderr.startswith("Error: ")
    assert f"{shown['public_key']}\n" == made.stdout
    assert not ann.json("projects", "show")["has_deploy_key"]


def test_notifications_are_added_tested_and_removed(ann: Machine) -> None:
    """The URL is not shown, because it may contain a password."""
    words = ("notifications", "add", "-", "--on", "failure")
    added = ann.run(*words, input="https://hooks.example/s3cret\n")
    (channel,) = ann.json("notifications", "list")["data"]
    tested = ann.run("notifications", "test", channel["id"])
    ann.run("notifications", "remove", channel["id"], "--yes")

    assert ["failure"] == channel["events"]
    assert "Secret  whsec_" in added.stdout
    assert "s3cret" not in added.output
    assert "The test notification is queued.\n" == tested.stdout
    assert {"data": []} == ann.json("notifications", "list")
