"""Brings images from this machine's engine to where all machines fetch them."""

from attrs import frozen

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.swarm.registry import RegistryPlace
from pushpaka_core.errors import PlatformFaultError


@frozen(kw_only=True)
class Pushes:
    """Has the engine push, by the account of the registry."""

    _engine: Engine
    _place: RegistryPlace

    async def push(self, name: str) -> None:
        """
        Push the image of that name.

        Raises:
            PlatformFaultError: If the registry does not take it, with the reason.
        """
        await self._engine.call(self._push, name)

    def _push(self, name: str) -> None:
        account = self._place.account
        auth = {"username": account.user, "password": account.password} if account else None
        repository, tag = name.rsplit(":", 1)
        for status in self._engine.client.api.push(
            repository, tag, stream=True, decode=True, auth_config=auth
        ):
            if error := status.get("error"):
                raise PlatformFaultError(
                    f"The image could not be pushed to {self._place.host}: {error.rstrip('.')}."
                )
