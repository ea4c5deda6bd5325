"""Databases over HTTP."""

import pytest
from tests.http.clients import Person, statuses_of
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = {
    "id", "project_id", "user_id", "name", "kind", "version", "env_name", "status",
    "deployment_id", "error", "size_limit", "used_bytes", "measured_at", "node", "created_at",
    "detached_at", "purge_after",
}  # fmt: skip


async def test_a_database_is_created_and_started(ann: Person, instance: Instance) -> None:
    """The server has a deployment of its own, and neither the password nor the URL is returned."""
    project = await ann.project()

    created = await ann.post("/databases", {"project_id": project["id"]})
    database = created.json()
    deployment = (await ann.get(f"/deployments/{database['deployment_id']}")).json()
    await instance.serve()
    running = (await ann.get(f"/databases/{database['id']}")).json()
    variables = (await ann.get(f"/env?project_id={project['id']}")).json()["data"]

    assert (201, FIELDS) == (created.status_code, set(database))
    expected = {"name": "main", "kind": "postgres", "env_name": "DATABASE_URL", "error": None}
    assert expected.items() <= database.items()
    assert ("starting", "running") == (database["status"], running["status"])
    assert "database:main" == deployment["target"]
    assert [("DATABASE_URL", "production")] == [(one["key"], one["scope"]) for one in variables]
    listed = (await ann.get("/databases")).json()["data"]
    assert [database["id"]] == [one["id"] for one in listed]


async def test_a_database_is_not_a_volume_for_users(ann: Person) -> None:
    """Its files can only be managed as those of a database."""
    project = await ann.project()
    database = (await ann.post("/databases", {"project_id": project["id"]})).json()

    volumes = await ann.get("/volumes")
    detached = await ann.ask("DELETE", f"/volumes/{database['id']}")
    files = await ann.get(f"/volumes/{database['id']}/files")

    assert {"data": []} == volumes.json()
    assert [404, 404] == statuses_of(detached, files)


async def test_a_failed_server_has_a_reason_and_is_started_again(
    ann: Person, instance: Instance
) -> None:
    project = await ann.project()
    database = (await ann.post("/databases", {"project_id": project["id"]})).json()
    path = f"/databases/{database['id']}"

    await instance.fail()
    failed = (await ann.get(path)).json()
    restarted = await ann.post(f"{path}/restart")

    assert (200, "failed") == (restarted.status_code, failed["status"])
    assert failed["error"]
    assert ("starting", None) == (restarted.json()["status"], restarted.json()["error"])
    assert failed["deployment_id"] != restarted.json()["deployment_id"]


async def test_a_running_server_is_restarted_without_a_deployment(
    ann: Person, instance: Instance
) -> None:
    project = await ann.project()
    database = (await ann.post("/databases", {"project_id": project["id"]})).json()
    await instance.serve()

    restarted = await ann.post(f"/databases/{database['id']}/restart")

    assert (200, "running", database["deployment_id"]) == (
        restarted.status_code, restarted.json()["status"], restarted.json()["deployment_id"],
    )  # fmt: skip


async def test_a_database_is_purged_in_two_steps(ann: Person) -> None:
    project = await ann.project()
    database = (await ann.post("/databases", {"project_id": project["id"]})).json()
    path, purge = f"/databases/{database['id']}", {"name": "main"}

    early = await ann.post(f"{path}/purge", purge)
    detached = await ann.ask("DELETE", path)
    shown = (await ann.get(path)).json()
    variables = (await ann.get(f"/env?project_id={project['id']}")).json()["data"]
    attached = await ann.post(f"{path}/attach")
    await ann.ask("DELETE", path)
    misspelled = await ann.post(f"{path}/purge", {"name": "mane"})
    purged = await ann.post(f"{path}/purge", purge)
    gone = await ann.get(path)

    assert [409, 200, 200, 400, 200, 404] == statuses_of(
        early, detached, attached, misspelled, purged, gone
    )
    message = f"The database was detached. Its data is kept until {shown['purge_after'][:10]}."
    assert {"message": message} == detached.json()
    assert ("detached", None, []) == (shown["status"], shown["deployment_id"], variables)
    assert ("starting", None) == (attached.json()["status"], attached.json()["purge_after"])
    assert {"message": "The database and its data were deleted."} == purged.json()


async def test_a_variable_is_not_replaced(ann: Person) -> None:
    """A database needs a variable that the project does not have yet."""
    project = await ann.project()
    about = {"project_id": project["id"]}
    await ann.post("/env", {**about, "key": "DATABASE_URL", "value": "mine"})

    rejected = await ann.post("/databases", about)
    accepted = await ann.post("/databases", {**about, "env_name": "OTHER_URL"})

    assert [400, 201] == statuses_of(rejected, accepted)
    assert ["env_name"] == [one["field"] for one in rejected.json()["details"]]
