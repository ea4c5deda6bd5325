"""Copies the output of instances to the logs of their deployments."""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import Event, move_on_after
from attrs import field, frozen

from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.logs.deployment_log import ProgramOutput

FINAL_OUTPUT_SECONDS = 2
"""How long to wait for the last output of an exited program to be stored."""


@frozen
class InstanceOutputReader:
    """Follows the output of instances, resuming each where it was last read."""

    _runtime: Runtime
    _readers: dict[str, Event] = field(factory=dict, init=False)
    """
    The instances whose output this process is reading, each with an event that is set at the end.
    """

    @contextmanager
    def delay_removal(self, instance: Instance) -> Iterator[None]:
        """Delay `remove` of the instance until the block ends, so that all output is stored."""
        kept = self._readers[instance.name] = Event()
        try:
            yield
        finally:
            kept.set()
            self._readers.pop(instance.name, None)

    async def remove(self, name: str) -> None:
        """Remove an exited instance from the runtime, waiting up to 2 s for its last output."""
        if (kept := self._readers.get(name)) is not None:
            with move_on_after(FINAL_OUTPUT_SECONDS):
                await kept.wait()
        await self._runtime.remove(name)

    async def was_started(self, instance: Instance) -> bool:
        """Return True if the runtime knows the instance. Before its start, there is no output."""
        return await self._runtime.inspect(instance.name) is not None

    async def follow(self, instance: Instance, output: ProgramOutput) -> None:
        """
        Copy the output of the instance until it has exited and everything is read.

        If canceled, an unfinished line is left to the next reader, which resumes before it.
        """
        after = output.resume_at(instance.output_position)
        async for chunk in self._runtime.output(instance.name, after=after):
            await output(chunk)
        output.finish()

    async def catch_up(self, instance: Instance, output: ProgramOutput, position: str) -> None:
        """Copy what the instance has printed since *position*, without waiting for more."""
        after = output.resume_at(position)
        async for chunk in self._runtime.output(instance.name, after=after, follow=False):
            await output(chunk)
