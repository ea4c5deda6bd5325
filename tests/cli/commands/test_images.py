"""Tests the commands for projects that deploy images."""

import pytest
from tests.cli.commands.machines import Machine, Server

from pushpaka_core.adapters.memory.images import MemoryImage

IMAGE = "ghcr.io/acme/shop"


def push(server: Server, *tags: str) -> None:
    for tag in tags:
        server.image_source.images[f"{IMAGE}:{tag}"] = MemoryImage(content=tag)


def test_image_is_linked_and_deployed_by_tag(ann: Machine, server: Server) -> None:
    """Without --image, the tag of the project is deployed."""
    push(server, "1.4", "1.5")

    linked = ann.run("init", "--image", f"{IMAGE}:1.4", "--name", "linked")
    first = ann.run("deploy")
    second = ann.run("deploy", "--image", "1.5")
    preview = ann.json("deploy", "--image", f"{IMAGE}:1.5", "--preview", "--detach")
    deployments = ann.json("deployments", "list")["data"]
    listed = ann.run("deployments", "list").stdout

    assert f"Created and linked the project linked: image:{IMAGE}:1.4" in linked.stdout
    assert "Next: pushpaka deploy\n" in linked.stderr
    assert f"Deploying linked: {IMAGE}:1.4 to production." in first.stderr
    assert f"Deploying linked: {IMAGE}:1.5 to production." in second.stderr
    assert "preview:1.5" == preview["target"]
    assert f"{IMAGE}:1.5 " in listed
    images = [each["image"].partition("@")[0] for each in deployments]
    assert [f"{IMAGE}:1.5", f"{IMAGE}:1.5", f"{IMAGE}:1.4"] == images


def test_image_is_created_with_credentials(ann: Machine) -> None:
    ann.run(
        *("projects", "create", "private", "--image", f"{IMAGE}:1.4"),
        "registry_credentials=ann:s3cret",
    )

    shown = ann.run("projects", "show", "private")

    assert f"image:{IMAGE}:1.4" in shown.stdout
    assert "Registry credentials" in shown.stdout
    assert "s3cret" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("projects", "create", "x"), "Pass either --repo or --image."),
        (
            ("projects", "create", "x", "--repo", "archive:", "--image", "nginx"),
            "Pass either --repo or --image.",
        ),
        (("deploy", "-p", "refused", "--branch", "main"), "Images cannot be deployed with"),
        (("deploy", "-p", "refused", "--image", "a b"), "--image must "),
        (("init", "--local", "--image", "nginx"), "--local cannot be combined with --image."),
        (("deploy", "-p", "folder", "--image", "1.5"), "folder does not deploy an image"),
    ],
)
def test_wrong_usage_is_explained(ann: Machine, arguments: tuple[str, ...], message: str) -> None:
    existing = {each["name"] for each in ann.json("projects", "list")["data"]}
    if "refused" not in existing:
        ann.run("projects", "create", "refused", "--image", IMAGE)
        ann.run("projects", "create", "folder", "--repo", "archive:")

    assert message in ann.run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("image", "provider"),
    [
        ("acme/shop:1", "docker-hub"),
        ("ghcr.io/acme/shop:1", "github"),
        ("registry.example.com/shop:1", "registry"),
    ],
)
def test_webhook_is_created_for_the_registry(ann: Machine, image: str, provider: str) -> None:
    name = f"hooked-{provider}"
    ann.run("projects", "create", name, "--image", image)

    made = ann.run("webhooks", "create", "--tags", "1.*", "--project", name)

    (webhook,) = ann.json("webhooks", "list", "--project", name)["data"]
    assert (provider, "1.*") == (webhook["provider"], webhook["tags"])
    assert ("?secret=" in made.stdout) is (provider != "github")
