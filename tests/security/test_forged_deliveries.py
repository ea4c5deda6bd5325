"""Only who knows a webhook's secret deploys by it, once for each delivery; no flood gets far."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve
from litestar import Litestar
from tests.deliveries import Delivery, push
from tests.http.clients import Person, somebody, speaking_to
from tests.http.instances import Instance

from pushpaka_core.domain import forges
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.webhooks import Forge
from pushpaka_core.services import deliveries
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

PROOFS = {
    Forge.GITHUB: "X-Hub-Signature-256",
    Forge.GITEA: "X-Gitea-Signature",
    Forge.GITLAB: "X-Gitlab-Token",
    Forge.BITBUCKET: "X-Hub-Signature",
}
PAIRS = [(own, other) for own in Forge for other in Forge if own is not other]
SIGNING = [Forge.GITHUB, Forge.GITEA, Forge.BITBUCKET]
"""GitLab shows the secret itself and signs nothing."""


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Instance.empty().application)


@pytest.fixture
async def ann(app: Litestar) -> Person:
    return await somebody(app)


async def a_webhook(
    person: Person, forge: Forge, project: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a webhook of a project, or of a new one."""
    project = project or await person.project()
    body = {"project_id": project["id"], "provider": forge}
    return dict((await person.post("/webhooks", body)).json())


async def sent(
    person: Person, webhook: dict[str, Any], body: bytes, headers: dict[str, str]
) -> httpx.Response:
    """Send what a forge would to the address that it was given."""
    path = httpx.URL(webhook["url"]).path
    return await person.client.post(path, content=body, headers=headers)


async def deployed(person: Person) -> int:
    """Return how many deployments there are."""
    return int((await person.get("/deployments")).json()["total"])


@pytest.mark.parametrize("forge", Forge)
@pytest.mark.parametrize("proof", [None, "", "sha256=", "0" * 64, f"sha256={'0' * 64}", "\xe4"])
async def test_what_is_not_signed_is_refused(ann: Person, forge: Forge, proof: str | None) -> None:
    """Without a proof as with a wrong one."""
    webhook, delivery = await a_webhook(ann, forge), push(forge)
    headers: dict[Any, Any] = {**delivery.headers(webhook["secret"])}
    del headers[PROOFS[forge]]
    if proof is not None:
        headers[PROOFS[forge]] = proof.encode("latin-1")

    answer = await sent(ann, webhook, delivery.body, headers)

    assert (401, 0) == (answer.status_code, await deployed(ann))


@pytest.mark.parametrize("forge", Forge)
async def test_what_is_signed_with_another_secret_is_refused(ann: Person, forge: Forge) -> None:
    """Be it that of another webhook, or none at all."""
    webhook, delivery = await a_webhook(ann, forge), push(forge)
    other = await a_webhook(ann, forge, await ann.project("other"))

    for secret in (other["secret"], "", webhook["secret"][:-1], webhook["secret"] + "0"):
        headers = delivery.headers(secret)
        assert 401 == (await sent(ann, webhook, delivery.body, headers)).status_code

    assert 0 == await deployed(ann)


@pytest.mark.parametrize(("own", "other"), PAIRS)
async def test_what_another_forge_would_sign_is_refused(
    ann: Person, own: Forge, other: Forge
) -> None:
    """Though the secret is right: the proof stands where this one does not put it."""
    webhook, delivery = await a_webhook(ann, own), push(own)
    foreign = evolve(delivery, forge=other).headers(webhook["secret"])
    headers = {**delivery.headers(webhook["secret"]), **foreign}
    del headers[PROOFS[own]]

    answer = await sent(ann, webhook, delivery.body, headers)

    assert (401, 0) == (answer.status_code, await deployed(ann))


@pytest.mark.parametrize("forge", SIGNING)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : ")])
async def test_a_body_that_was_written_anew_is_refused(
    ann: Person, forge: Forge, separators: tuple[str, str]
) -> None:
    """The bytes are what is signed, not what they mean."""
    webhook, delivery = await a_webhook(ann, forge), push(forge)
    body = json.dumps(delivery.payload, separators=separators).encode()
    assert json.loads(body) == json.loads(delivery.body)

    answer = await sent(ann, webhook, body, delivery.headers(webhook["secret"]))

    assert (401, 0) == (answer.status_code, await deployed(ann))


@pytest.mark.parametrize("forge", Forge)
async def test_a_replayed_delivery_deploys_nothing(ann: Person, forge: Forge) -> None:
    """It is answered as well as the first one, however often it comes."""
    webhook, delivery = await a_webhook(ann, forge), push(forge)

    answers = [
        await sent(ann, webhook, delivery.body, delivery.headers(webhook["secret"]))
        for _ in range(3)
    ]

    assert [200] * 3 == [answer.status_code for answer in answers]
    assert [1, 0, 0] == [len(answer.json()["deployment_ids"]) for answer in answers]
    assert 1 == await deployed(ann)


async def test_a_flood_is_taken_and_leaves_one_that_waits() -> None:
    """Of a thousand pushes by all forges in a minute none is refused, and one runs at a time."""
    instance = Instance.empty()
    client = speaking_to(create_app(instance.application))
    ann = await Person.registered(client, "ann@example.com")
    project = await ann.project()
    webhooks = {forge: await a_webhook(ann, forge, project) for forge in Forge}
    await sent_as(ann, webhooks[Forge.GITHUB], push(Forge.GITHUB))
    await instance.world.claimed()

    statuses = [
        await sent_as(ann, webhooks[forge], push(forge, commit=f"{number:039x}{place}"))
        for number in range(1, 251)
        for place, forge in enumerate(Forge)
    ]

    async with instance.world.storage.snapshot() as uow:
        counts = await uow.deployments.count_by_status()
    assert [200] * 1000 == statuses
    assert {
        DeploymentStatus.BUILDING: 1,
        DeploymentStatus.QUEUED: 1,
        DeploymentStatus.SUPERSEDED: 999,
    } == {status: count for status, count in counts.items() if count}


async def sent_as(person: Person, webhook: dict[str, Any], delivery: Delivery) -> int:
    """Send a delivery, signed, and return the status of the answer."""
    headers = delivery.headers(webhook["secret"])
    return (await sent(person, webhook, delivery.body, headers)).status_code


def test_proofs_are_compared_in_one_place_that_takes_the_same_time() -> None:
    """Nothing else looks at what proves a delivery, and there no operator compares."""
    files = [*Path(forges.__path__[0]).glob("*.py"), Path(deliveries.__file__)]
    functions = {
        f"{file.stem}.{function.name}": function
        for file in files
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    looking = {
        name
        for name, function in functions.items()
        if {"prove", "proof_header"} & {*_read(function)}
    }

    assert {"dialects.is_authentic"} == looking
    judging = functions["dialects.is_authentic"]
    assert not any(isinstance(node, ast.Compare) for node in ast.walk(judging))
    assert "compare_digest" in {*_read(judging)}


def _read(function: ast.AST) -> Iterator[str]:
    """Yield the names of the attributes that are read in a function."""
    return (node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute))
