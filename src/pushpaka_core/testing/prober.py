"""Contract tests for the `HealthProber` port.

Derive a test class from `ProberContract` in a module with these fixtures:

- `prober`: a prober;
- `healthy_probe`: a probe of a healthy application;
- `unhealthy_probe`: a probe of an unhealthy application.

The tests of each adapter cover which responses count as healthy.
"""

from functools import partial

from anyio import create_task_group

from pushpaka_core.ports.runtime import HealthProber, ProbeRequest


class ProberContract:
    """Tests that every adapter of the `HealthProber` port must pass."""

    async def test_a_healthy_response_has_no_description(
        self, prober: HealthProber, healthy_probe: ProbeRequest
    ) -> None:
        """The result for a healthy application is None."""
        assert await prober.probe(healthy_probe) is None

    async def test_an_unhealthy_response_is_described(
        self, prober: HealthProber, unhealthy_probe: ProbeRequest
    ) -> None:
        """The result is a clause for a longer sentence, without a capital letter or a period."""
        seen = await prober.probe(unhealthy_probe)

        assert seen
        assert seen[0].islower()
        assert not seen.endswith(".")

    async def test_probes_are_independent(
        self, prober: HealthProber, healthy_probe: ProbeRequest, unhealthy_probe: ProbeRequest
    ) -> None:
        """Concurrent probes do not affect each other's results."""
        results: list[tuple[ProbeRequest, str | None]] = []

        async def probe_once(probe_request: ProbeRequest) -> None:
            results.append((probe_request, await prober.probe(probe_request)))

        async with create_task_group() as tasks:
            for probe in (healthy_probe, unhealthy_probe) * 5:
                tasks.start_soon(partial(probe_once, probe))

        assert {healthy_probe: 5, unhealthy_probe: 5} == {
            probe: sum(asked == probe for asked, _ in results)
            for probe in (healthy_probe, unhealthy_probe)
        }
        assert all((seen is None) == (probe == healthy_probe) for probe, seen in results)
