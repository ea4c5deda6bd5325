"""The platform's own state: health, readiness, metrics and the description of the API."""

from typing import Any

import httpx
import pytest
import schemathesis
from litestar import Litestar
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_health_tells_of_each_part(client: httpx.AsyncClient, base: str) -> None:
    """What this instance was not told to use is null."""
    answer = await client.get(f"{base}/health")

    assert 200 == answer.status_code
    assert ["status", "version", "checks"] == list(answer.json())
    assert "ok" == answer.json()["status"]
    assert {"database": True, "redis": True, "router": None} == answer.json()["checks"]


async def test_a_part_that_is_down_degrades(client: httpx.AsyncClient, instance: Instance) -> None:
    """Without what is only speed the platform still answers 200."""
    instance.parts.is_redis_up = False

    answer = await client.get("/health")

    assert (200, "degraded") == (answer.status_code, answer.json()["status"])
    assert answer.json()["checks"]["redis"] is False


async def test_without_its_database_nothing_is_ready(
    client: httpx.AsyncClient, instance: Instance
) -> None:
    """Orchestrators send nothing here until it is back."""
    instance.parts.is_database_up = False

    health, ready = await client.get("/health"), await client.get("/ready")

    assert (503, "degraded") == (health.status_code, health.json()["status"])
    assert (503, "unavailable") == (ready.status_code, ready.json()["code"])
    assert "5" == health.headers["Retry-After"] == ready.headers["Retry-After"]


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_a_process_that_can_serve_is_ready(client: httpx.AsyncClient, base: str) -> None:
    """Readiness is one word."""
    answer = await client.get(f"{base}/ready")

    assert (200, {"status": "ready"}) == (answer.status_code, answer.json())


async def test_metrics_count_what_happens(ann: Person) -> None:
    """Routes are counted by their template, so that no id and no token becomes a label."""
    deployment = await ann.deployment()
    await ann.get(f"/deployments/{deployment['id']}")
    await ann.client.request("BREW", f"/{deployment['id']}?token={ann.token}")

    answer = await ann.client.get("/metrics")

    route = 'method="GET",route="/api/v1/deployments/{deployment_id}",status="200"'
    assert 200 == answer.status_code
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert f"pushpaka_http_requests_total{{{route}}} 1.0" in answer.text
    assert 'method="other",route="none",status="404"' in answer.text
    assert 'pushpaka_deployments{status="queued"} 1.0' in answer.text
    assert 'pushpaka_deployments{status="failed"} 0.0' in answer.text
    assert deployment["id"] not in answer.text
    assert ann.token not in answer.text


async def test_metrics_tell_of_the_work(ann: Person, instance: Instance) -> None:
    """Waiting, phases, log lines and lost leases are there from the start, and counted."""
    counts = {"build_ends": 2, "build_milliseconds": 2500, "log_lines": 3, "lease_expiries": 1}
    await ann.deployment()

    before = (await ann.client.get("/metrics")).text
    async with instance.world.storage.transaction() as uow:
        await uow.tallies.add(counts)
    after = (await ann.client.get("/metrics")).text

    assert "pushpaka_queue_depth 1.0" in before
    assert 'pushpaka_phase_duration_seconds_count{phase="build"} 0.0' in before
    assert "pushpaka_log_lines_total 0.0" in before
    assert 'pushpaka_phase_duration_seconds_count{phase="build"} 2.0' in after
    assert 'pushpaka_phase_duration_seconds_sum{phase="build"} 2.5' in after
    assert 'pushpaka_phase_duration_seconds_sum{phase="switch"} 0.0' in after
    assert "pushpaka_log_lines_total 3.0" in after
    assert "pushpaka_lease_expiries_total 1.0" in after


async def test_metrics_may_ask_for_a_token(instance: Instance) -> None:
    """Where the operator sets a token, only who has it sees the metrics."""
    app = create_app(instance.application, metrics_token="scraper")
    async with speaking_to(app) as client:
        without = await client.get("/metrics")
        wrong = await client.get("/metrics", headers=[(b"Authorization", "Bearer é".encode())])
        right = await client.get("/metrics", headers={"Authorization": "Bearer scraper"})

    assert (401, 401, 200) == (without.status_code, wrong.status_code, right.status_code)
    assert "Bearer" == without.headers["WWW-Authenticate"]


async def test_two_applications_count_apart(instance: Instance) -> None:
    """Metrics are no state of the process."""
    one, other = create_app(instance.application), create_app(instance.application)
    async with speaking_to(one) as client:
        await client.get("/nothing")

    async with speaking_to(other) as client:
        answer = await client.get("/metrics")

    assert "pushpaka_http_requests_total{" not in answer.text


@pytest.fixture
def description(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()


async def test_the_description_is_served_and_valid(
    client: httpx.AsyncClient, description: dict[str, Any]
) -> None:
    """It is OpenAPI 3.1, and shown to everybody."""
    answer = await client.get("/api/v1/openapi.json")

    assert 200 == answer.status_code
    assert answer.json()["openapi"].startswith("3.1")
    assert description.keys() == answer.json().keys()
    schemathesis.openapi.from_dict(answer.json()).validate()


def test_the_description_tells_what_is_sent_and_what_comes_back(
    description: dict[str, Any],
) -> None:
    """Bodies, answers and errors are described by the classes that make them."""
    schemas = description["components"]["schemas"]
    deploy = description["paths"]["/api/v1/deployments"]["post"]
    delete_env = description["paths"]["/api/v1/env"]["delete"]

    def schema_of(part: dict[str, Any]) -> str:
        reference: str = part["content"]["application/json"]["schema"]["$ref"]
        return reference.rpartition("/")[2]

    assert "NewDeployment" == schema_of(deploy["requestBody"])
    assert "EnvVarName" == schema_of(delete_env["requestBody"])
    assert "DeploymentResponse" == schema_of(deploy["responses"]["201"])
    assert "InvalidInputResponse" == schema_of(deploy["responses"]["400"])
    assert "ErrorResponse" == schema_of(deploy["responses"]["409"])
    assert ["project_id"] == schemas["NewDeployment"]["required"]
    assert "required" not in schemas["ProjectChanges"] or not schemas["ProjectChanges"]["required"]
    assert {"type": "boolean"} == schemas["ProjectChanges"]["properties"]["auto_deploy"]


def test_the_description_tells_how_inputs_are_read(description: dict[str, Any]) -> None:
    """Other fields are refused, and null is what was not said."""
    schemas = description["components"]["schemas"]
    port = schemas["NewProject"]["properties"]["port"]
    register, login = (
        description["paths"][f"/api/v1/auth/{verb}"]["post"]["responses"]
        for verb in ("register", "login")
    )

    assert schemas["NewProject"]["additionalProperties"] is False
    assert schemas["ProjectChanges"]["additionalProperties"] is False
    assert {"type": "null"} in port["oneOf"]
    assert "403" in register
    assert "401" in login


def test_the_description_tells_where_a_token_is_needed(description: dict[str, Any]) -> None:
    """What asks for nobody says so."""
    paths = description["paths"]

    assert [{"bearer": []}] == description["security"]
    assert [{}] == paths["/api/v1/auth/login"]["post"]["security"]
    assert [{}] == paths["/health"]["get"]["security"]
    assert "security" not in paths["/api/v1/projects"]["get"] or paths["/api/v1/projects"]["get"][
        "security"
    ] == [{"bearer": []}]
