"""Health and readiness checks of the platform itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from anyio import CancelScope, Event, create_task_group, sleep
from attrs import define, field, frozen

from pushpaka_core.errors import PushpakaError, UnavailableError
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.single_flight import SingleFlight

NOT_CHECKED = object()
"""Returned by a check whose component runs on another machine and cannot be checked from here."""

HealthCheck = Callable[[], Awaitable[object]]
"""A function that raises a PushpakaError with the reason if a component is not healthy."""

DATABASE = "database"
_TIMEOUT_STEPS = 20


@define
class SharedCheck:
    """
    Runs a check once for all concurrent callers, with a timeout.

    Otherwise many simultaneous checks would slow each other down until they time out, and a healthy
    component would appear to be down.
    """

    _check: HealthCheck
    _timeout: timedelta = timedelta(seconds=2)
    _runs: SingleFlight[None, object] = field(factory=SingleFlight, init=False)

    async def __call__(self) -> object:
        """
        Return the result of the check, or raise its error.

        A caller that arrives while the check is running gets its result.

        Raises:
            UnavailableError: If the check does not finish in time.
        """
        answer = await self._runs.do(None, self._run)
        if isinstance(answer, PushpakaError):
            raise answer.with_traceback(None)
        return answer

    async def _run(self) -> object:
        try:
            with CancelScope() as waiting:
                async with background_task(partial(self._cancel_after_timeout, waiting)):
                    return await self._check()
        except PushpakaError as error:
            return error
        return UnavailableError("The health check timed out.")

    async def _cancel_after_timeout(self, cancel_scope: CancelScope) -> None:
        # Many short sleeps: if this process itself is starved of CPU time, the timeout grows with
        # it, so that a busy host does not look like a component that is down.
        for _ in range(_TIMEOUT_STEPS):
            await sleep(self._timeout.total_seconds() / _TIMEOUT_STEPS)
        cancel_scope.cancel()


@define
class ShutdownSignal:
    """Signals to load balancers and open streams that this process is shutting down."""

    _event: Event = field(factory=Event, init=False)

    def end(self) -> None:
        """Mark the process as shutting down. Safe to repeat."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until the process is shutting down."""
        await self._event.wait()

    async def check(self) -> None:
        """Raise UnavailableError if the process is shutting down."""
        if self._event.is_set():
            raise UnavailableError("This process is shutting down. Try again in a few seconds.")


@frozen(kw_only=True)
class PlatformHealth:
    """The health of the platform and of its components."""

    is_ok: bool
    """Whether the database responds. Nothing works without it."""
    version: str
    checks: Mapping[str, bool | None]
    """
    The result by component. None for a component that is not configured or cannot be checked from
    here.
    """


@frozen(kw_only=True)
class HealthService:
    """Checks the components of the platform, all at the same time."""

    _version: str
    _checks: Mapping[str, HealthCheck | None]
    """
    The check of each component, or None if the component is not configured. Must contain
    "database".
    """
    _readiness_checks: Sequence[HealthCheck] = ()
    """The readiness checks besides the database: a current schema, no shutdown in progress."""

    async def check(self) -> PlatformHealth:
        """Check all components and return their health. Failed checks do not raise."""
        results: dict[str, bool | None] = dict.fromkeys(self._checks)

        async def fill(name: str, check: HealthCheck) -> None:
            results[name] = await self._result_of(check)

        async with create_task_group() as tasks:
            for name, check in self._checks.items():
                if check is not None:
                    tasks.start_soon(fill, name, check)
        return PlatformHealth(
            is_ok=results[DATABASE] is True, version=self._version, checks=results
        )

    async def is_ready(self) -> bool:
        """Return True if this process can serve requests."""
        database = self._checks[DATABASE]
        checks = [check for check in (database, *self._readiness_checks) if check is not None]
        return all([await self._result_of(check) for check in checks])

    async def _result_of(self, check: HealthCheck) -> bool | None:
        try:
            answer = await check()
        except PushpakaError:
            return False
        return None if answer is NOT_CHECKED else True
