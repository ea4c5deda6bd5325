"""What the host has left, so that nothing is begun that would choke it."""

from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Room:
    """Bytes of disk and of memory."""

    disk: int
    memory: int


class Host(Protocol):
    """Knows the machine on which deployments are built and run."""

    async def room(self) -> Room:
        """
        Return what is free: on the file system of the data directory, and of the memory.

        Raises:
            UnavailableError: If it cannot be measured.
        """
        ...
