"""Runs a function once for concurrent callers that want the same result."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from anyio import Event
from attrs import define, field

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@define(eq=False)
class _Flight(Generic[V]):
    result: tuple[V] | None = None
    """The result in a tuple, as it may be None. None while the call is running, or if it failed."""
    is_done: Event = field(factory=Event)


@define
class SingleFlight(Generic[K, V]):
    """
    Shares one call of a function among all concurrent callers with the same key.

    Only results are shared. If the call raises or is canceled, its own caller gets the exception,
    and one of the waiting callers makes a new call for the others.
    """

    _flights: dict[K, _Flight[V]] = field(factory=dict, init=False)

    async def do(self, key: K, function: Callable[[], Awaitable[V]]) -> V:
        """Return the result of the call in progress for *key*, or call *function*."""
        while flight := self._flights.get(key):
            await flight.is_done.wait()
            if flight.result is not None:
                return flight.result[0]
        return await self._run_call(key, function)

    def forget(self, key: K) -> None:
        """
        Let later callers start a new call. Callers that are already waiting get the result of the
        current call.
        """
        self._flights.pop(key, None)

    async def _run_call(self, key: K, function: Callable[[], Awaitable[V]]) -> V:
        flight: _Flight[V] = _Flight()
        self._flights[key] = flight
        try:
            result = await function()
            flight.result = (result,)
            return result
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.is_done.set()
