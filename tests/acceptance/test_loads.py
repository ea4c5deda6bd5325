"""What counts as failed under load, and what as lost with a process that was killed."""

import httpx
import pytest
from benchmarks.load import Kill, Load, Request

REFUSED = "502 Bad Gateway"


def request(begun: float, *, process: str | None, failure: str | None) -> Request:
    return Request(
        stage="kill", is_slow=False, begun=begun, ended=begun + 1,
        process=process, version=None, failure=failure,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("begun", "process", "counts"),
    [
        pytest.param(8.5, None, (1, 0), id="over before"),
        pytest.param(9.5, None, (0, 1), id="under way"),
        pytest.param(9.5, "killed", (0, 1), id="broken off"),
        pytest.param(9.5, "another", (1, 0), id="broken off by another"),
        pytest.param(10.5, None, (0, 1), id="while it dies"),
        pytest.param(11.0, None, (1, 0), id="begun afterwards"),
    ],
)
@pytest.mark.anyio
async def test_only_what_was_under_way_in_a_killed_process_is_lost(
    begun: float, process: str | None, counts: tuple[int, int]
) -> None:
    """Whatever else fails has failed."""
    async with httpx.AsyncClient() as http:
        load = Load(http, engines=())
    load.requests += [
        request(0, process="killed", failure=None),
        request(begun, process=process, failure=REFUSED),
    ]
    load.kills.append(Kill(process="killed", begun=10, ended=11))

    tally = load.tally("kill")

    assert counts == (tally.failed, tally.lost)
    assert 2 == tally.requests
