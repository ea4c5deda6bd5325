"""Tests that archives reach the worker from every API, including an API on another machine."""

import hashlib
import os
import shutil

import pytest
from anyio import to_thread
from httpx import AsyncClient
from tests.served_instance import ServedInstance, open_served
from tests.servers.postgres import PostgresServer

from pushpaka_core.testing.unpacker import tar_archive

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]


async def test_archives_of_a_remote_api_reach_the_worker_through_the_database(
    unrouted_instance: ServedInstance, postgres: PostgresServer
) -> None:
    """The local API stores a file, and the remote API a row. The worker deploys both."""
    with postgres.database(migrated=False) as url:
        unrouted_instance.env["PUSHPAKA_DATABASE_URL"] = url
        await unrouted_instance.start()
        token = await unrouted_instance.sign_up()
        async with open_served(**unrouted_instance.env) as other:
            other.deploys = False
            other.data_directory.mkdir()
            keys = unrouted_instance.data_directory / "keys.json"
            await to_thread.run_sync(shutil.copy, keys, other.data_directory)
            await other.start()
            async with unrouted_instance.api(token) as near, other.api(token) as far:
                body = {"name": "folder", "repo_url": "archive:"}
                project = (await near.post("/projects", json=body)).json()
                statuses = [
                    await _deploy_archive(api, project["id"], tar_archive({"index.html": text}))
                    for api, text in ((near, "near"), (far, "far"))
                ]
            files = [
                await to_thread.run_sync(os.listdir, each.data_directory / "archives")
                for each in (unrouted_instance, other)
            ]
            await other.stop()
        await unrouted_instance.stop()

    assert ["running", "running"] == statuses
    assert [1, 0] == [len(names) for names in files]


async def _deploy_archive(api: AsyncClient, project_id: str, content: bytes) -> str:
    """Upload and deploy an archive, and return the final status."""
    sha256 = hashlib.sha256(content).hexdigest()
    sent = await api.put(f"/projects/{project_id}/archives/{sha256}", content=content)
    assert sent.is_success, sent.text
    begun = await api.post("/deployments", json={"project_id": project_id, "archive": sha256})
    deployment = begun.json()
    while deployment["status"] in {"queued", "building", "deploying"}:
        deployment = (await api.get(f"/deployments/{deployment['id']}?wait=20")).json()
    return str(deployment["status"])
