"""Webhook deliveries deploy only if they are signed with the webhook's secret, and only once."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from attrs import evolve
from litestar import Litestar
from tests.http.clients import Person, register_user
from tests.http.instances import Instance
from tests.webhook_deliveries import GIT_PROVIDERS, push

from pushpaka_core.domain.integrations import git_providers
from pushpaka_core.domain.integrations.webhooks import GitProvider
from pushpaka_core.services.deployments import webhook_deliveries
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

PROOFS = {
    GitProvider.GITHUB: "X-Hub-Signature-256",
    GitProvider.GITEA: "X-Gitea-Signature",
    GitProvider.GITLAB: "X-Gitlab-Token",
    GitProvider.BITBUCKET: "X-Hub-Signature",
}
PAIRS = [(own, other) for own in GIT_PROVIDERS for other in GIT_PROVIDERS if own is not other]
SIGNING = [GitProvider.GITHUB, GitProvider.GITEA, GitProvider.BITBUCKET]
"""The Git providers that sign deliveries. GitLab sends the secret itself."""


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Instance.empty().application)


@pytest.fixture
async def ann(app: Litestar) -> Person:
    return await register_user(app)


async def create_webhook(
    person: Person, git_provider: GitProvider, project: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Create a webhook for *project*, or for a new project."""
    project = project or await person.project()
    body = {"project_id": project["id"], "provider": git_provider}
    return dict((await person.post("/webhooks", body)).json())


async def send(
    person: Person, webhook: dict[str, Any], body: bytes, headers: dict[str, str]
) -> httpx.Response:
    """Send a request to the URL of a webhook."""
    path = httpx.URL(webhook["url"]).path
    return await person.client.post(path, content=body, headers=headers)


async def count_deployments(person: Person) -> int:
    """Return the number of deployments that *person* can see."""
    return int((await person.get("/deployments")).json()["total"])


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
@pytest.mark.parametrize("signature", [None, "", "sha256=", "0" * 64, f"sha256={'0' * 64}", "\xe4"])
async def test_an_unsigned_delivery_is_refused(
    ann: Person, git_provider: GitProvider, signature: str | None
) -> None:
    webhook, delivery = await create_webhook(ann, git_provider), push(git_provider)
    headers: dict[Any, Any] = {**delivery.headers(webhook["secret"])}
    del headers[PROOFS[git_provider]]
    if signature is not None:
        headers[PROOFS[git_provider]] = signature.encode("latin-1")

    answer = await send(ann, webhook, delivery.body, headers)

    assert (401, 0) == (answer.status_code, await count_deployments(ann))


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_a_delivery_signed_with_another_secret_is_refused(
    ann: Person, git_provider: GitProvider
) -> None:
    webhook, delivery = await create_webhook(ann, git_provider), push(git_provider)
    other = await create_webhook(ann, git_provider, await ann.project("other"))

    for secret in (other["secret"], "", webhook["secret"][:-1], webhook["secret"] + "0"):
        headers = delivery.headers(secret)
        assert 401 == (await send(ann, webhook, delivery.body, headers)).status_code

    assert 0 == await count_deployments(ann)


@pytest.mark.parametrize(("own_provider", "other_provider"), PAIRS)
async def test_a_signature_in_the_form_of_another_git_provider_is_refused(
    ann: Person, own_provider: GitProvider, other_provider: GitProvider
) -> None:
    webhook, delivery = await create_webhook(ann, own_provider), push(own_provider)
    foreign = evolve(delivery, git_provider=other_provider).headers(webhook["secret"])
    headers = {**delivery.headers(webhook["secret"]), **foreign}
    del headers[PROOFS[own_provider]]

    answer = await send(ann, webhook, delivery.body, headers)

    assert (401, 0) == (answer.status_code, await count_deployments(ann))


@pytest.mark.parametrize("git_provider", SIGNING)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : ")])
async def test_a_reformatted_body_is_refused(
    ann: Person, git_provider: GitProvider, separators: tuple[str, str]
) -> None:
    """Even a body with equal JSON is refused, because the signature covers the exact bytes."""
    webhook, delivery = await create_webhook(ann, git_provider), push(git_provider)
    body = json.dumps(delivery.payload, separators=separators).encode()
    assert json.loads(body) == json.loads(delivery.body)

    answer = await send(ann, webhook, body, delivery.headers(webhook["secret"]))

    assert (401, 0) == (answer.status_code, await count_deployments(ann))


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_a_replayed_delivery_deploys_nothing(ann: Person, git_provider: GitProvider) -> None:
    """A replay is recognized by its body. Git providers do not sign the delivery id."""
    webhook, delivery = await create_webhook(ann, git_provider), push(git_provider)
    names = (delivery.id, delivery.id, str(uuid4()), "")

    answers = [
        await send(
            ann, webhook, delivery.body, evolve(delivery, id=name).headers(webhook["secret"])
        )
        for name in names
    ]

    assert [200] * 4 == [answer.status_code for answer in answers]
    assert [1, 0, 0, 0] == [len(answer.json()["deployment_ids"]) for answer in answers]
    assert {True} == {"already received" in answer.json()["message"] for answer in answers[1:]}
    assert 1 == await count_deployments(ann)


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_a_delivery_for_another_repository_deploys_nothing(
    ann: Person, git_provider: GitProvider
) -> None:
    """The response names both repositories. Its status is 200, so that it is not sent again."""
    url = "https://git.example.com/mallory/app"
    webhook = await create_webhook(ann, git_provider)
    delivery = push(git_provider).of_repository(url)

    answer = await send(ann, webhook, delivery.body, delivery.headers(webhook["secret"]))

    assert (200, []) == (answer.status_code, answer.json()["deployment_ids"])
    assert answer.json()["message"].startswith(f"This delivery is for {url}")
    assert 0 == await count_deployments(ann)


def test_signatures_are_compared_in_one_place_in_constant_time() -> None:
    files = [*Path(git_providers.__path__[0]).glob("*.py"), Path(webhook_deliveries.__file__)]
    functions = {
        f"{file.stem}.{function.name}": function
        for file in files
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    looking = {
        name
        for name, function in functions.items()
        if {"expected_signature", "signature_header"} & {*_attributes_read_by(function)}
    }

    # `has_secret_in_url` only checks whether the sender signs at all.
    assert {"provider_apis.is_authentic", "provider_apis.has_secret_in_url"} == looking
    judging = functions["provider_apis.is_authentic"]
    assert not any(
        isinstance(node, ast.Compare) for name in looking for node in ast.walk(functions[name])
    )
    assert "compare_digest" in {*_attributes_read_by(judging)}


def _attributes_read_by(function: ast.AST) -> Iterator[str]:
    """Yield the names of the attributes that the function in a syntax tree reads."""
    return (node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute))
