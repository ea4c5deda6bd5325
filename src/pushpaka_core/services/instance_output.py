"""Reads what instances print into the logs of their deployments."""

from attrs import frozen

from pushpaka_core.domain.instances import Instance
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.log_writing import ProgramOutput


@frozen
class InstanceOutput:
    """Follows the output of one instance at a time, from where it was read last."""

    _runtime: Runtime

    async def follow(self, instance: Instance, output: ProgramOutput) -> None:
        """Read until the instance is dead and all is read; what was read is kept when cancelled."""
        after = output.begin_at(instance.output_position)
        try:
            async for chunk in self._runtime.output(instance.name, after=after):
                await output(chunk)
        finally:
            output.finish()
