"""Reads what instances print into the logs of their deployments."""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import Event, move_on_after
from attrs import field, frozen

from pushpaka_core.domain.instances import Instance
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.deployment_log import ProgramOutput

LAST_WORDS_SECONDS = 2
"""How long what a program printed before its end is waited for."""


@frozen
class InstanceOutput:
    """Follows the output of instances, each from where it was read last."""

    _runtime: Runtime
    _kept: dict[str, Event] = field(factory=dict, init=False)
    """The names whose output is being kept by this process, until it is."""

    @contextmanager
    def keeping(self, instance: Instance) -> Iterator[None]:
        """Have whoever would forget the instance wait until the block ends."""
        kept = self._kept[instance.name] = Event()
        try:
            yield
        finally:
            kept.set()
            self._kept.pop(instance.name, None)

    async def forget(self, name: str) -> None:
        """Drop what is left of an ended instance, as soon as its last words are kept."""
        if (kept := self._kept.get(name)) is not None:
            with move_on_after(LAST_WORDS_SECONDS):
                await kept.wait()
        await self._runtime.forget(name)

    async def is_there(self, instance: Instance) -> bool:
        """Tell whether the instance was ever started: only then its output has an end."""
        return await self._runtime.inspect(instance.name) is not None

    async def follow(self, instance: Instance, output: ProgramOutput) -> None:
        """
        Read until the instance is dead and all is read.

        Who is cancelled leaves a line without an end to whoever reads on.
        """
        after = output.begin_at(instance.output_position)
        async for chunk in self._runtime.output(instance.name, after=after):
            await output(chunk)
        output.finish()

    async def catch_up(self, instance: Instance, output: ProgramOutput, place: str) -> None:
        """Read what the instance has printed behind *place*, and wait for no more."""
        after = output.begin_at(place)
        async for chunk in self._runtime.output(instance.name, after=after, follow=False):
            await output(chunk)
