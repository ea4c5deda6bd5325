"""A host that has as much room as it is told."""

from attrs import define

from pushpaka_core.ports.host import Room

_PLENTY = 2**40


@define
class MemoryHost:
    """Has plenty of everything until a test takes it away."""

    disk: int = _PLENTY
    memory: int = _PLENTY

    async def room(self) -> Room:
        """Return what it was told."""
        return Room(disk=self.disk, memory=self.memory)
