"""A prober that asks nobody."""

from attrs import define, field

from pushpaka_core.ports.prober import Probe


@define(kw_only=True)
class MemoryProber:
    """Finds everybody healthy but those it was told otherwise of, and remembers whom it asked."""

    complaints: dict[int, str] = field(factory=dict)
    """What it sees instead of a healthy answer, by port, as in "answered with status 500"."""
    probes: list[Probe] = field(factory=list, init=False)
    """Each probe that was made, the oldest first."""

    async def probe(self, probe: Probe, /) -> str | None:
        """Return the complaint about the port, if there is one."""
        self.probes.append(probe)
        return self.complaints.get(probe.port)
