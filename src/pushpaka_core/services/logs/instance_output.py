"""Copies the output of instances to the logs of their deployments."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from anyio import Event, move_on_after
from attrs import define, field

from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.logs.deployment_log import ProgramOutput

FINAL_OUTPUT_SECONDS = 2
"""How long to wait for the last output of an exited program to be stored."""


@define
class InstanceOutputReader:
    """Follows the output of instances, resuming each where it was last read."""

    _runtime: Runtime
    _readers: dict[str, Event] = field(factory=dict, init=False)
    """The instances that have a reader in this process, each with an event for its end."""
    _start_readers: Callable[[], Awaitable[None]] | None = field(default=None, init=False)

    @contextmanager
    def use_readers(self, start_readers: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """
        Until the block ends, call *start_readers* for an instance that exits without a reader.

        *start_readers* calls `begin` for each active instance whose output has not been read.
        """
        self._start_readers = start_readers
        try:
            yield
        finally:
            self._start_readers = None

    def begin(self, name: str) -> None:
        """Record that the instance has a reader, so that it is not removed before `end`."""
        self._readers[name] = Event()

    def end(self, name: str) -> None:
        """Record that the reader of the instance has ended, and all output is stored."""
        self._readers.pop(name).set()

    async def wait_until_stored(self, name: str) -> None:
        """
        Wait up to 2 s until all output of an exited instance is stored.

        An instance that has run for less than a second may have no reader yet. Then one is started.

        Raises:
            StorageUnavailableError: If the active instances cannot be listed.
        """
        with move_on_after(FINAL_OUTPUT_SECONDS):
            if name not in self._readers and self._start_readers is not None:
                await self._start_readers()
            if (reading := self._readers.get(name)) is not None:
                await reading.wait()

    async def remove(self, name: str) -> None:
        """
        Remove an exited instance from the runtime after its last output, see `wait_until_stored`.

        Raises:
            StorageUnavailableError: If the active instances cannot be listed.
            RuntimeUnavailableError: If the runtime does not respond.
        """
        await self.wait_until_stored(name)
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
