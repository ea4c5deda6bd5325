"""Concurrent callers share one call, even if the caller that started it is canceled."""

import pytest
from anyio import Event, create_task_group, wait_all_tasks_blocked
from attrs import define, field

from pushpaka_core.services.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


@define
class CountedCalls:
    """A shared function that counts its calls, and waits until a test releases it."""

    flights: SingleFlight[str, object] = field(factory=SingleFlight)
    let_go: Event = field(factory=Event)
    number: int = 0

    async def join_call(self, key: str = "a") -> None:
        assert await self.flights.do(key, self._call) is None

    async def _call(self) -> object:
        self.number += 1
        await self.let_go.wait()
        return None


@pytest.fixture
def calls() -> CountedCalls:
    return CountedCalls()


async def test_concurrent_callers_share_a_call(calls: CountedCalls) -> None:
    async with create_task_group() as tasks:
        for key in "aaab":
            tasks.start_soon(calls.join_call, key)
        await wait_all_tasks_blocked()
        calls.let_go.set()
    assert 2 == calls.number

    await calls.join_call()
    assert 3 == calls.number


async def test_forgotten_call_cannot_be_joined(calls: CountedCalls) -> None:
    async with create_task_group() as tasks:
        tasks.start_soon(calls.join_call)
        tasks.start_soon(calls.join_call)
        await wait_all_tasks_blocked()
        calls.flights.forget("a")
        tasks.start_soon(calls.join_call)
        await wait_all_tasks_blocked()
        calls.let_go.set()

    assert 2 == calls.number


async def test_error_is_raised_for_its_own_caller_only() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    is_asked = Event()
    results: list[int] = []

    async def fail() -> int:
        await is_asked.wait()
        raise KeyError

    async def succeed() -> int:
        return 7

    async def lead() -> None:
        with pytest.raises(KeyError):
            await flights.do("a", fail)

    async def join() -> None:
        results.append(await flights.do("a", succeed))

    async with create_task_group() as tasks:
        tasks.start_soon(lead)
        await wait_all_tasks_blocked()
        tasks.start_soon(join)
        tasks.start_soon(join)
        await wait_all_tasks_blocked()
        is_asked.set()

    assert [7, 7] == results
