"""Pushes images from this machine's engine to the registry."""

from attrs import frozen

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.swarm.registry import RegistryLocation
from pushpaka_core.errors import PlatformFaultError


@frozen(kw_only=True)
class ImagePusher:
    """Pushes images with the credentials of the registry."""

    _engine: Engine
    _location: RegistryLocation

    async def push(self, name: str) -> None:
        """
        Push the image *name*.

        Raises:
            PlatformFaultError: If the registry rejects the image. The message includes the reason.
        """
        await self._engine.call(self._push, name)

    def _push(self, name: str) -> None:
        account = self._location.credentials
        auth = {"username": account.user, "password": account.password} if account else None
        repository, tag = name.rsplit(":", 1)
        for status in self._engine.client.api.push(
            repository, tag, stream=True, decode=True, auth_config=auth
        ):
            if error := status.get("error"):
                raise PlatformFaultError(
                    f"The image could not be pushed to {self._location.host}: {error.rstrip('.')}. "
                    "Check the registry's log, and deploy again."
                )
