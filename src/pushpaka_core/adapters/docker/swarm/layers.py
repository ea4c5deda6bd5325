"""The layers of a project's last build, in the registry, for whichever machine builds next."""

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.swarm.registry import Registry, RegistryPlace


@frozen(kw_only=True)
class RegistryLayers:
    """
    Keeps them as an image of its own for each project, which tells how its layers were made.

    The engine's own builder can write nothing else.
    """

    _marks: Marks
    _registry: Registry
    _place: RegistryPlace

    async def arguments(self, project_number: int, home: Path, /) -> Sequence[str]:
        """Return what buildx is told; it would complain of an image that is not there."""
        await to_thread.run_sync(self._place.write_config, home)
        kept, tag = ("--cache-to", "type=inline"), self._tag(project_number)
        if await self._registry.digest(tag) is None:
            return kept
        return (*kept, "--cache-from", f"type=registry,ref={self._marks.with_tag(tag)}")

    async def keep(self, tag: str, project_number: int) -> None:
        """Keep the layers of what a project's build has pushed at *tag*, in place of others."""
        await self._registry.copy(tag, self._tag(project_number))

    async def remove(self, project_number: int) -> None:
        """Remove the image. Harmless to repeat."""
        await self._registry.remove(self._tag(project_number))

    def _tag(self, project_number: int) -> str:
        return f"layers-{project_number}"
