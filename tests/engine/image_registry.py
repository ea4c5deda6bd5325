"""Pushes small images to a registry, through an engine."""

import json
import tarfile
from collections.abc import Sequence
from io import BytesIO
from secrets import token_bytes

import docker
from attrs import frozen

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.domain.projects.images import RegistryCredentials


@frozen(kw_only=True)
class EngineRegistry:
    """A repository of a registry that an engine can reach."""

    engine: Engine
    name: str
    """The name of the image without a tag, for example "127.0.0.1:5000/acme/shop"."""
    credentials: RegistryCredentials

    async def push(
        self, tag: str, *, command: Sequence[str] = ("serve",), ports: Sequence[int] = ()
    ) -> None:
        """Push a new image with one random file, and remove it from the engine."""
        changes = [f"EXPOSE {port}" for port in ports]
        changes += [f"CMD {json.dumps(list(command))}"] if command else []
        await self.engine.call(lambda: self._push(self.engine.client, tag, changes))

    def _push(self, client: docker.DockerClient, tag: str, changes: list[str]) -> None:
        content, archive = token_bytes(64), BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo("file")
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
        client.api.import_image_from_data(
            archive.getvalue(), repository=self.name, tag=tag, changes=changes
        )
        account = {"username": self.credentials.user, "password": self.credentials.password}
        for status in client.api.push(
            self.name, tag, stream=True, decode=True, auth_config=account
        ):
            assert "error" not in status, status
        client.images.remove(f"{self.name}:{tag}")
