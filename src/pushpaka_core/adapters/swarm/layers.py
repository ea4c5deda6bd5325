"""Layers of each project's last build, cached in the registry for all machines."""

from collections.abc import Collection, Sequence
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.swarm.image_pusher import ImagePusher
from pushpaka_core.adapters.swarm.registry import Registry, RegistryLocation


@frozen(kw_only=True)
class RegistryLayerCache:
    """
    Caches layers as images in the registry, with BuildKit's inline cache metadata.

    The engine's built-in builder supports no other kind of cache export. An inline cache covers
    only the final stage of an image, so every stage that others copy from has an image of its own.
    """

    _labels: Labels
    _registry: Registry
    _location: RegistryLocation
    _image_pusher: ImagePusher

    async def cache_arguments(self, project_number: int, home: Path, /) -> Sequence[str]:
        """
        Return `--cache-from` for the existing images only: buildx warns about missing ones.

        Registry credentials are written to *home*.
        """
        await to_thread.run_sync(self._location.write_config, home)
        kept = await self._stored_tags(project_number)
        sources = [f"type=registry,ref={self._labels.registry_image(tag)}" for tag in kept]
        return [word for source in sources for word in ("--cache-from", source)]

    async def store(self, tag: str, project_number: int) -> None:
        """Cache the layers of a project's image at *tag*, replacing earlier ones."""
        await self._registry.copy(tag, self._tag(project_number))

    async def store_stage(self, project_number: int, stage: str, image: str, /) -> None:
        """Push the *image* of a stage and cache its layers, replacing earlier ones."""
        tag = image.rpartition(":")[2]
        try:
            await self._image_pusher.push(image)
            await self._registry.copy(tag, self._tag(project_number, stage))
        finally:
            with CancelScope(shield=True):
                await self._registry.remove(tag)

    async def remove_other_stages(self, project_number: int, stages: Collection[str], /) -> None:
        """Remove the cached layers of all stages except *stages*."""
        known = {self._tag(project_number), *(self._tag(project_number, s) for s in stages)}
        for tag in await self._stored_tags(project_number):
            if tag not in known:
                await self._registry.remove(tag)

    async def remove(self, project_number: int) -> None:
        """Remove all cached layers of a project. Harmless to repeat."""
        for tag in await self._stored_tags(project_number):
            await self._registry.remove(tag)

    async def _stored_tags(self, project_number: int) -> Sequence[str]:
        whole = self._tag(project_number)
        tags = await self._registry.tags()
        return [tag for tag in tags if tag == whole or tag.startswith(f"{whole}-")]

    def _tag(self, project_number: int, stage: str = "") -> str:
        return f"layers-{project_number}" + (f"-{stage}" if stage else "")
