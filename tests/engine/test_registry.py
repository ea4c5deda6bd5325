"""Tests the client for container registries with a real registry."""

import json
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group
from tests.engine.registry import open_registry as start_registry

from pushpaka_core.adapters.swarm.registry import RegistryLocation, open_registry

pytestmark = [pytest.mark.anyio, pytest.mark.needs("registry")]

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _push_empty_image(repository: str, tag: str) -> None:
    digest = f"sha256:{sha256(b'{}').hexdigest()}"
    with httpx.Client(trust_env=False) as client:
        begun = client.post(f"{repository}/blobs/uploads/").raise_for_status()
        upload = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        client.put(upload, content=b"{}").raise_for_status()
        config = {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(b"{}"),
            "digest": digest,
        }
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": []}
        client.put(
            f"{repository}/manifests/{tag}",
            content=json.dumps(manifest),
            headers={"Content-Type": _MANIFEST},
        ).raise_for_status()


async def test_concurrent_removals_of_a_tag_succeed_and_keep_the_others(tmp_path: Path) -> None:
    """Removals are concurrent if garbage collection and a project's deletion remove one image."""
    with start_registry(tmp_path) as server:
        place = RegistryLocation(url=f"http://{server.address}")
        _push_empty_image(f"{place.base_url}/v2/apps", "kept")
        tags = [f"removed-{number}" for number in range(50)]
        async with open_registry(place, "apps") as registry:
            for tag in tags:
                await registry.copy("kept", tag)
                async with create_task_group() as removals:
                    for _ in range(3):
                        removals.start_soon(registry.remove, tag)

            assert await registry.tags() == ["kept"]
            assert await registry.digest("kept") is not None
