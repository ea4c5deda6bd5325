"""What the state machine finds is told in a few steps that a person can follow."""

from collections.abc import Sequence

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.faults.test_promises import LifeInMemory

from pushpaka_core.domain.deployments import Lease
from pushpaka_core.ports.storage_deployments import LeaseSight
from pushpaka_worker.lease_watch import LeaseWatch

_SHRUNK = settings(
    settings.get_profile("faults"),
    phases=(Phase.generate, Phase.shrink),
    max_examples=1000,
    stateful_step_count=15,
    derandomize=False,
)
_SEED = 4
"""One that finds it soon."""


class BriefLife(LifeInMemory):
    """Ends where it is, without coming to rest, so that many are tried soon."""

    def teardown(self) -> None:
        self.theatre.close()


def all_are_silent(_: LeaseWatch, sights: Sequence[LeaseSight], *, now: float) -> list[Lease]:
    """Take everybody for lost, as long as there is any time at all."""
    return [sight.lease for sight in sights if now >= 0]


@pytest.mark.timeout(300)
def test_a_planted_bug_is_told_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody deploys, a worker begins, and an observer takes it for lost at once."""
    monkeypatch.setattr(LeaseWatch, "silent", all_are_silent)

    with pytest.raises(AssertionError, match="P2: a lease was taken") as found:
        run_state_machine_as_test(seed(_SEED)(BriefLife), settings=_SHRUNK)

    told = [note for note in found.value.__notes__ if "happens" in note]
    assert len(told) <= 5
    assert "state.happens(event=('deploy', 0, 'production'))" == told[0]
    assert "state.happens(event=('observe', 0))" == told[-1]
