"""The layers of a project's last build, in the registry, for whichever machine builds next."""

from collections.abc import Collection, Sequence
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.swarm.pushes import Pushes
from pushpaka_core.adapters.docker.swarm.registry import Registry, RegistryPlace


@frozen(kw_only=True)
class RegistryLayers:
    """
    Keeps them as images of their own for each project, which tell how their layers were made.

    The engine's own builder can write nothing else. Such an image knows the steps of its own
    stage only, so there is one for each stage that others copy from.
    """

    _marks: Marks
    _registry: Registry
    _place: RegistryPlace
    _pushes: Pushes

    async def arguments(self, project_number: int, home: Path, /) -> Sequence[str]:
        """Return what buildx is told; it would complain of an image that is not there."""
        await to_thread.run_sync(self._place.write_config, home)
        kept = await self._kept(project_number)
        sources = [f"type=registry,ref={self._marks.with_tag(tag)}" for tag in kept]
        return [word for source in sources for word in ("--cache-from", source)]

    async def keep(self, tag: str, project_number: int) -> None:
        """Keep the layers of what a project's build has pushed at *tag*, in place of others."""
        await self._registry.copy(tag, self._tag(project_number))

    async def keep_stage(self, project_number: int, stage: str, image: str, /) -> None:
        """Push the *image* of a stage, and keep its layers in place of others."""
        tag = image.rpartition(":")[2]
        try:
            await self._pushes.push(image)
            await self._registry.copy(tag, self._tag(project_number, stage))
        finally:
            with CancelScope(shield=True):
                await self._registry.remove(tag)

    async def keep_only(self, project_number: int, stages: Collection[str], /) -> None:
        """Forget the layers of stages that are no more."""
        known = {self._tag(project_number), *(self._tag(project_number, s) for s in stages)}
        for tag in await self._kept(project_number):
            if tag not in known:
                await self._registry.remove(tag)

    async def remove(self, project_number: int) -> None:
        """Remove the images. Harmless to repeat."""
        for tag in await self._kept(project_number):
            await self._registry.remove(tag)

    async def _kept(self, project_number: int) -> Sequence[str]:
        whole = self._tag(project_number)
        tags = await self._registry.tags()
        return [tag for tag in tags if tag == whole or tag.startswith(f"{whole}-")]

    def _tag(self, project_number: int, stage: str = "") -> str:
        return f"layers-{project_number}" + (f"-{stage}" if stage else "")
