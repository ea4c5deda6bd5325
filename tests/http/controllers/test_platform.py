"""Health, readiness, metrics, system information and the OpenAPI document."""

import re
from typing import Any

import httpx
import pytest
import schemathesis
from attrs import evolve
from litestar import Litestar
from tests.http.clients import Person, speaking_to, statuses_of
from tests.http.instances import Instance

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.users import Role
from pushpaka_core.domain.platform.nodes import Node, WorkerProcess
from pushpaka_core.testing.objects.integrations import a_worker
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_health_has_a_check_of_each_component(client: httpx.AsyncClient, base: str) -> None:
    """Checks are true if the component works, and null if it is not configured."""
    answer = await client.get(f"{base}/health")
    ready = await client.get(f"{base}/ready")

    assert (200, ["status", "version", "checks"]) == (answer.status_code, list(answer.json()))
    assert "ok" == answer.json()["status"]
    assert {"database": True, "redis": True, "router": None} == answer.json()["checks"]
    assert (200, {"status": "ready"}) == (ready.status_code, ready.json())


async def test_health_is_degraded_without_redis(
    client: httpx.AsyncClient, instance: Instance
) -> None:
    instance.components.is_redis_up = False

    answer = await client.get("/health")

    assert (200, "degraded") == (answer.status_code, answer.json()["status"])
    assert answer.json()["checks"]["redis"] is False


async def test_a_process_without_its_database_is_unavailable(
    client: httpx.AsyncClient, instance: Instance
) -> None:
    instance.components.is_database_up = False

    health, ready = await client.get("/health"), await client.get("/ready")

    assert (503, "degraded") == (health.status_code, health.json()["status"])
    assert (503, "unavailable") == (ready.status_code, ready.json()["code"])
    assert "5" == health.headers["Retry-After"] == ready.headers["Retry-After"]


async def test_metrics_count_requests_by_route(ann: Person) -> None:
    """Ids, tokens and unknown methods are not used as labels, so labels stay few and public."""
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


async def test_metrics_count_the_work_of_workers(ann: Person, instance: Instance) -> None:
    counts = {"build_ends": 2, "build_milliseconds": 2500, "log_lines": 3, "lease_expiries": 1}
    await ann.deployment()

    before = (await ann.client.get("/metrics")).text
    async with instance.services.storage.transaction() as uow:
        await uow.counters.add(counts)
    after = (await ann.client.get("/metrics")).text

    assert "pushpaka_queue_depth 1.0" in before
    assert 'pushpaka_phase_duration_seconds_count{phase="build"} 0.0' in before
    assert "pushpaka_log_lines_total 0.0" in before
    assert 'pushpaka_phase_duration_seconds_count{phase="build"} 2.0' in after
    assert 'pushpaka_phase_duration_seconds_sum{phase="build"} 2.5' in after
    assert 'pushpaka_phase_duration_seconds_sum{phase="switch"} 0.0' in after
    assert "pushpaka_log_lines_total 3.0" in after
    assert "pushpaka_lease_expiries_total 1.0" in after


async def test_metrics_can_require_a_token(instance: Instance) -> None:
    app = create_app(instance.application, metrics_token="scraper")
    async with speaking_to(app) as client:
        without = await client.get("/metrics")
        wrong = await client.get("/metrics", headers=[(b"Authorization", "Bearer é".encode())])
        right = await client.get("/metrics", headers={"Authorization": "Bearer scraper"})

    assert [401, 401, 200] == statuses_of(without, wrong, right)
    assert "Bearer" == without.headers["WWW-Authenticate"]


async def test_each_application_has_its_own_metrics(
    client: httpx.AsyncClient, instance: Instance
) -> None:
    await client.get("/nothing")

    async with speaking_to(create_app(instance.application)) as other:
        answer = await other.get("/metrics")

    assert "pushpaka_http_requests_total{" not in answer.text


async def record_heartbeat(instance: Instance) -> WorkerProcess:
    """Record the heartbeat of a worker, and return the worker."""
    worker = a_worker(jobs=1, seen_at=instance.clock.now)
    async with instance.services.storage.transaction() as uow:
        await uow.nodes.add(Node(runtime="memory", name="alpha"))
        await uow.workers.put(worker)
    return worker


async def test_metrics_show_each_worker(ann: Person, instance: Instance) -> None:
    """When a worker is removed, its metrics and its label disappear."""
    worker = await record_heartbeat(instance)
    label = f'{{worker="{worker.name}"}}'

    before = (await ann.client.get("/metrics")).text
    async with instance.services.storage.transaction() as uow:
        await uow.workers.remove(worker.id)
    after = (await ann.client.get("/metrics")).text

    assert "pushpaka_workers 1.0" in before
    assert f"pushpaka_worker_jobs{label} 1.0" in before
    assert f"pushpaka_worker_concurrency{label} 2.0" in before
    (heartbeat,) = re.findall(
        re.escape(f"pushpaka_worker_last_heartbeat_timestamp_seconds{label}") + " (.+)", before
    )
    assert worker.seen_at.timestamp() == float(heartbeat)
    about = f'node="node-1",runtime="process",version="1.2.3",worker="{worker.name}"'
    assert f"pushpaka_worker_info{{{about}}} 1.0" in before
    assert "pushpaka_workers 0.0" in after
    assert worker.name not in after


async def test_an_administrator_sees_technologies_workers_and_the_queue(
    ann: Person, instance: Instance
) -> None:
    worker = await record_heartbeat(instance)
    await instance.application.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
    await ann.deployment((await ann.project("blog"))["id"])
    await instance.services.claim()
    instance.clock.advance(1)
    waiting = await ann.deployment((await ann.project("shop"))["id"])

    answer = await ann.get("/system")

    assert 200 == answer.status_code, answer.text
    system = answer.json()
    (shown,) = system.pop("workers")
    assert {
        "version": "0.1.0",
        "runtime": "memory",
        "router": "memory",
        "database": "memory",
        "redis": False,
        "base_domain": "localhost",
        "node": "alpha",
        "nodes": None,
        "queue": {"waiting": 1, "running": 1, "oldest_waiting_since": waiting["created_at"]},
    } == system
    assert {
        "name": worker.name,
        "node": "node-1",
        "version": "1.2.3",
        "runtime": "process",
        "jobs": 1,
        "concurrency": 2,
    }.items() <= shown.items()
    assert shown["last_heartbeat_at"].endswith("Z")


async def test_an_administrator_sees_the_activity_of_thirty_days(
    ann: Person, instance: Instance
) -> None:
    await instance.application.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
    token = (await ann.post("/tokens", {"name": "CI", "scope": "full"})).json()["token"]
    ann = evolve(ann, token=token)
    project = await ann.project()
    await ann.deployment(project["id"])
    await instance.fail()
    instance.clock.advance(24 * 3600)
    await ann.deployment(project["id"])
    instance.clock.advance(2)
    await instance.serve()
    await ann.deployment(project["id"])
    async with instance.services.storage.transaction() as uow:
        await uow.counters.add({"build_ends": 2, "build_milliseconds": 5000})

    answer = await ann.get("/system/activity")

    nothing = {"succeeded": 0, "failed": 0, "cancelled": 0, "superseded": 0, "open": 0}
    untimed = {"median_ms": None, "p95_ms": None}
    *before, yesterday, today = answer.json()["days"]
    day = instance.clock().date().isoformat()
    assert 28 == len(before)
    assert all(each.items() >= (nothing | untimed).items() for each in before)
    assert nothing | untimed | {"failed": 1} == {k: v for k, v in yesterday.items() if k != "day"}
    assert today == {"day": day, **nothing, "succeeded": 1, "open": 1, "median_ms": 0, "p95_ms": 0}
    assert [{"phase": "build", "count": 2, "mean_ms": 2500}] == answer.json()["phases"]


@pytest.fixture
def description(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()


@pytest.mark.suite("integration")  # Schemathesis needs seconds to load the schema of OpenAPI.
async def test_the_description_is_served_and_valid(
    client: httpx.AsyncClient, description: dict[str, Any]
) -> None:
    answer = await client.get("/api/v1/openapi.json")

    assert 200 == answer.status_code
    assert answer.json()["openapi"].startswith("3.1")
    assert description.keys() == answer.json().keys()
    schemathesis.openapi.from_dict(answer.json()).validate()


def test_the_description_has_bodies_answers_and_errors(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    deploy = description["paths"]["/api/v1/deployments"]["post"]
    delete_env = description["paths"]["/api/v1/env"]["delete"]
    register, login = (
        description["paths"][f"/api/v1/auth/{verb}"]["post"]["responses"]
        for verb in ("register", "login")
    )

    def schema_of(content: dict[str, Any]) -> str:
        reference: str = content["content"]["application/json"]["schema"]["$ref"]
        return reference.rpartition("/")[2]

    assert "NewDeployment" == schema_of(deploy["requestBody"])
    assert "EnvVarDeletion" == schema_of(delete_env["requestBody"])
    assert "Deployment" == schema_of(deploy["responses"]["201"])
    assert "InvalidInput" == schema_of(deploy["responses"]["400"])
    assert "Error" == schema_of(deploy["responses"]["409"])
    assert ("403" in register, "401" in login) == (True, True)
    assert ["project_id"] == schemas["NewDeployment"]["required"]
    assert not schemas["ProjectChanges"].get("required")
    assert "boolean" == schemas["ProjectChanges"]["properties"]["auto_deploy"]["type"]
    assert {"type": "null"} in schemas["NewProject"]["properties"]["port"]["oneOf"]
    assert schemas["NewProject"]["additionalProperties"] is False
    assert schemas["ProjectChanges"]["additionalProperties"] is False


def test_the_description_says_which_routes_need_a_token(description: dict[str, Any]) -> None:
    paths = description["paths"]

    assert [{"bearer": []}] == description["security"]
    assert [{}] == paths["/api/v1/auth/login"]["post"]["security"]
    assert [{}] == paths["/health"]["get"]["security"]
    assert [{"bearer": []}] == paths["/api/v1/projects"]["get"].get("security", [{"bearer": []}])
