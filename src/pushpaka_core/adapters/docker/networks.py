"""A network for each project, in which nobody else's containers are."""

from contextlib import suppress

from attrs import frozen
from docker.errors import APIError, NotFound
from docker.models.networks import Network

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import Marks

BRIDGES = "pkb"
"""How the names of the bridges begin, by which the host's firewall can know them."""
_MOST_OF_A_NAME = 15
"""Bytes that the kernel has for an interface's name."""


@frozen
class Networks:
    """Blocks; see `Engine.call`."""

    _engine: Engine
    _marks: Marks

    def ensure(self, project_number: int) -> None:
        """Make the project's network unless it is there."""
        name = self._marks.network(project_number)
        if self._found(name):
            return
        bridge = f"{BRIDGES}{self._marks.platform[:4]}{project_number:x}"[:_MOST_OF_A_NAME]
        try:
            self._engine.client.networks.create(
                name,
                driver="bridge",
                labels=self._marks.of_project(project_number),
                options={"com.docker.network.bridge.name": bridge},
            )
        except APIError as error:
            if error.status_code != 409:
                raise

    def remove_unused(self, project_number: int) -> None:
        """Remove the project's network unless containers are in it."""
        with suppress(NotFound, APIError):
            for network in self._found(self._marks.network(project_number)):
                network.remove()

    def _found(self, name: str) -> list[Network]:
        return [one for one in self._engine.client.networks.list(names=[name]) if one.name == name]
