"""What reaches out of a project: domains, webhooks, deploy keys and notifications."""

import pytest
from tests.cli.client.desks import Desk, Place

from pushpaka_http.cli.client import domains


@pytest.mark.usefixtures("project")
def test_a_domain_is_added_with_what_to_set(ann: Desk) -> None:
    """The record that proves whose it is, and where the name has to lead."""
    added = ann.run("domains", "add", "www.first.example")

    (domain,) = ann.json("domains", "list")["data"]
    record = domain["verification"]
    assert f"  TXT  {record['name']}  {record['value']}" in added.stdout.splitlines()
    assert "Next: pushpaka domains verify --wait www.first.example" in added.stderr


@pytest.mark.usefixtures("project")
def test_a_domain_is_verified_once_its_record_is_there(
    ann: Desk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that it is told what is missing; who waits is told when it has come."""
    ann.run("domains", "add", "www.second.example")
    (domain,) = ann.json("domains", "list")["data"]
    record, records = domain["verification"], place.instance.world.resolver.records

    early = ann.run("domains", "verify", "www.second.example", code=1)
    monkeypatch.setattr(domains, "PAUSE", 0)
    monkeypatch.setattr(
        "time.sleep",
        lambda _: records.update({(record["name"], "TXT"): (record["value"],)}),
    )
    late = ann.run("domains", "verify", "--wait", "www.second.example")

    assert record["value"] in early.stderr
    assert "Not yet: " in late.stderr
    assert late.stdout.startswith("www.second.example is verified.\n")


@pytest.mark.usefixtures("project")
def test_a_domain_is_given_up_by_whoever_is_sure(ann: Desk) -> None:
    """One of another name is guessed."""
    ann.run("domains", "add", "www.third.example")

    unasked = ann.run("domains", "remove", "www.third.example", code=2)
    typo = ann.run("domains", "remove", "www.thrid.example", "--yes", code=1)
    ann.run("domains", "remove", "www.third.example", "--yes")

    assert "Use --yes." in unasked.stderr
    assert 'Did you mean "www.third.example"?' in typo.stderr
    assert "There is no domain of your own.\n" == ann.run("domains", "list").stderr


@pytest.mark.usefixtures("project")
def test_a_webhook_is_made_for_the_forge_of_the_repository(ann: Desk) -> None:
    """Address and secret are shown once, with where they go."""
    made = ann.run("webhooks", "create", "--previews")

    (webhook,) = ann.json("webhooks", "list")["data"]
    lines = dict(line.split() for line in made.stdout.splitlines())
    assert webhook["url"] == lines["URL"]
    assert ("github", True, False) == (webhook["provider"], webhook["previews"], webhook["forks"])
    assert "Settings, Webhooks" in made.stderr
    assert lines["Secret"] not in ann.run("webhooks", "list").output


@pytest.mark.usefixtures("project")
def test_a_webhook_is_rotated_and_removed(ann: Desk) -> None:
    """Its next secret is another one."""
    made = ann.json("webhooks", "create", "--provider", "gitea")

    rotated = ann.json("webhooks", "rotate", made["id"])
    ann.run("webhooks", "remove", made["id"], "--yes")

    assert made["secret"] != rotated["secret"]
    assert {"data": []} == ann.json("webhooks", "list")


@pytest.mark.usefixtures("project")
def test_lists_are_of_the_project_alone(ann: Desk, place: Place) -> None:
    """What another project has is listed with that one."""
    ann.json("projects", "create", "elsewhere", "--repo", f"https://gitlab.com/ann/{place.port}")
    ann.run("domains", "add", "www.elsewhere.example", "-p", "elsewhere")
    ann.run("webhooks", "create", "-p", "elsewhere")
    ann.run("notifications", "add", "json://example.com", "-p", "elsewhere")

    for group in ("domains", "webhooks", "notifications"):
        assert {"data": []} == ann.json(group, "list")
        assert 1 == len(ann.json(group, "list", "-p", "elsewhere")["data"])


@pytest.mark.usefixtures("project")
def test_a_deploy_key_is_made_shown_and_removed(ann: Desk) -> None:
    """Its public half is the result, to be given to the forge."""
    none = ann.run("deploy-key", "show", code=1)
    made = ann.run("deploy-key", "create")
    shown = ann.json("deploy-key", "show")
    ann.run("deploy-key", "remove", "--yes")

    assert none.stderr.startswith("Error: ")
    assert f"{shown['public_key']}\n" == made.stdout
    assert not ann.json("projects", "show")["has_deploy_key"]


@pytest.mark.usefixtures("project")
def test_notifications_are_added_tried_and_removed(ann: Desk) -> None:
    """Of what they are told is chosen; their address, which may hold a password, is not shown."""
    added = ann.run(
        "notifications", "add", "-", "--on", "failure", input="https://hooks.example/s3cret\n"
    )
    (channel,) = ann.json("notifications", "list")["data"]
    tested = ann.run("notifications", "test", channel["id"])
    ann.run("notifications", "remove", channel["id"], "--yes")

    assert (False, True, False) == (channel["success"], channel["failure"], channel["crash"])
    assert "Secret  whsec_" in added.stdout
    assert "s3cret" not in added.output
    assert "A test is on its way.\n" == tested.stdout
    assert {"data": []} == ann.json("notifications", "list")
