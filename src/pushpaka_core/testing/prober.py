"""
What every prober must do, as tests.

Derive a test class from `ProberContract` in a module whose fixtures are

- `prober`: a prober;
- `healthy`: what to ask an application that is healthy;
- `ill`: what to ask one that is not.

Which answers are healthy is for each adapter to show: only it knows how they look.
"""

from functools import partial

from anyio import create_task_group

from pushpaka_core.ports.prober import Probe, Prober


class ProberContract:
    """The promises of the port `Prober`; each holds for every adapter."""

    async def test_a_healthy_answer_needs_no_words(self, prober: Prober, healthy: Probe) -> None:
        """There is nothing to say of who is healthy."""
        assert await prober.probe(healthy) is None

    async def test_what_was_seen_instead_is_said(self, prober: Prober, ill: Probe) -> None:
        """The words are part of a longer sentence, which tells the owner of the application."""
        seen = await prober.probe(ill)

        assert seen
        assert seen[0].islower()
        assert not seen.endswith(".")

    async def test_each_probe_is_judged_by_itself(
        self, prober: Prober, healthy: Probe, ill: Probe
    ) -> None:
        """An application may be asked any number of times, and beside others."""
        judged: list[tuple[Probe, str | None]] = []

        async def judge(probe: Probe) -> None:
            judged.append((probe, await prober.probe(probe)))

        async with create_task_group() as tasks:
            for probe in (healthy, ill) * 5:
                tasks.start_soon(partial(judge, probe))

        assert {healthy: 5, ill: 5} == {
            probe: sum(asked == probe for asked, _ in judged) for probe in (healthy, ill)
        }
        assert all((seen is None) == (probe == healthy) for probe, seen in judged)
