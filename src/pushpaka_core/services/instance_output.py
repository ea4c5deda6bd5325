"""Reads what instances print into the logs of their deployments."""

from attrs import frozen

from pushpaka_core.domain.instances import Instance
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.log_writing import ProgramOutput


@frozen
class InstanceOutput:
    """Follows the output of one instance at a time, from where it was read last."""

    _runtime: Runtime

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
