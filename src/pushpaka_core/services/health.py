"""The health of the platform itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from anyio import CancelScope, Event, Lock, create_task_group, sleep
from attrs import define, field, frozen

from pushpaka_core.errors import PushpakaError, UnavailableError
from pushpaka_core.services.background import alongside

ELSEWHERE = object()
"""What a check returns of a part that is another machine's, and cannot be asked from this one."""

HealthCheck = Callable[[], Awaitable[object]]
"""Returns where all is well, and raises a PushpakaError where it is not."""

DATABASE = "database"
_LOOKS = 20


@define
class SharedCheck:
    """
    A check that is made once for all who ask while it is made, and waited for so long.

    A crowd would else wait for itself, and what it waits for would look as if it was down.
    """

    _check: HealthCheck
    _patience: timedelta = timedelta(seconds=2)
    _turn: Lock = field(factory=Lock, init=False)
    _answers: int = field(default=0, init=False)
    _answer: object = field(default=None, init=False)

    async def __call__(self) -> object:
        """Return or raise what the check does."""
        before = self._answers
        async with self._turn:
            if self._answers == before:
                self._answer = await self._asked()
                self._answers += 1
            answer = self._answer
        if isinstance(answer, PushpakaError):
            raise answer.with_traceback(None)
        return answer

    async def _asked(self) -> object:
        try:
            with CancelScope() as waiting:
                async with alongside(partial(self._lose_patience, waiting)):
                    return await self._check()
        except PushpakaError as error:
            return error
        return UnavailableError("There is no answer.")

    async def _lose_patience(self, waiting: CancelScope) -> None:
        # Time in which this process does not get to listen is nobody's silence.
        for _ in range(_LOOKS):
            await sleep(self._patience.total_seconds() / _LOOKS)
        waiting.cancel()


@define
class Lifetime:
    """Whether this process goes on; who sends it requests is to choose another one if not."""

    _ending: Event = field(factory=Event, init=False)

    def end(self) -> None:
        """Let it be known that the process ends."""
        self._ending.set()

    async def until_ending(self) -> None:
        """Return once the process ends."""
        await self._ending.wait()

    async def check(self) -> None:
        """Pass unless the process ends; else raise UnavailableError."""
        if self._ending.is_set():
            raise UnavailableError("This process is ending.")


@frozen(kw_only=True)
class Health:
    """What works and what does not."""

    is_ok: bool
    """Whether the database answers: without it nothing else does."""
    version: str
    checks: Mapping[str, bool | None]
    """None is what this instance was not told to use, or this process cannot ask."""


@frozen(kw_only=True)
class HealthService:
    """Asks every part whether it works, all at the same time."""

    _version: str
    _checks: Mapping[str, HealthCheck | None]
    """By the name of the part; "database" must be among them."""
    _needed: Sequence[HealthCheck] = ()
    """What this process needs beside the database to serve: a usable schema, not to be ending."""

    async def check(self) -> Health:
        """Return the health of every part."""
        results: dict[str, bool | None] = dict.fromkeys(self._checks)

        async def fill(name: str, check: HealthCheck) -> None:
            results[name] = await self._seen(check)

        async with create_task_group() as tasks:
            for name, check in self._checks.items():
                if check is not None:
                    tasks.start_soon(fill, name, check)
        return Health(is_ok=results[DATABASE] is True, version=self._version, checks=results)

    async def is_ready(self) -> bool:
        """Tell whether this process can serve requests."""
        database = self._checks[DATABASE]
        checks = [check for check in (database, *self._needed) if check is not None]
        return all([await self._seen(check) for check in checks])

    async def _seen(self, check: HealthCheck) -> bool | None:
        try:
            answer = await check()
        except PushpakaError:
            return False
        return None if answer is ELSEWHERE else True
