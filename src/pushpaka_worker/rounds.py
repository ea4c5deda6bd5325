"""Does things again and again, without end."""

import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from datetime import timedelta
from functools import partial

from anyio import create_task_group, sleep
from anyio.abc import TaskGroup
from attrs import define, field

from pushpaka_core.errors import PushpakaError
from pushpaka_core.services.background import Dispatch, Task

logger = logging.getLogger(__name__)


@define
class Attempts:
    """Tries something that may fail; an outage is told once, not at every try."""

    _name: str
    _told: dict[Hashable, str] = field(factory=dict, init=False)

    async def make(self, task: Task, about: Hashable = None) -> None:
        """Do *task*, and tell what went wrong with what it is *about*."""
        try:
            await task()
            self._told.pop(about, None)
        except PushpakaError as error:
            if str(error) not in self._told.values():
                logger.warning("%s: %s", self._name, error)
            self._told[about] = str(error)
        except Exception:
            logger.exception("%s failed", self._name)


async def forever(pace: timedelta, verb: Task) -> None:
    """Do *verb* again and again."""
    attempts = Attempts(verb.__name__)
    while True:
        await attempts.make(verb)
        await sleep(pace.total_seconds())


async def forever_apart(pace: timedelta, verb: Callable[[Dispatch], Awaitable[None]]) -> None:
    """Begin a round of *verb* again and again; none waits for what takes long in another."""
    attempts = Attempts(verb.__name__)
    async with create_task_group() as running:
        rounds = _Rounds(running, attempts)
        while True:
            await attempts.make(partial(verb, rounds.next()))
            await sleep(pace.total_seconds())


@define
class _Rounds:
    """Begins the tasks of rounds, but none about something with which an earlier one is busy."""

    _running: TaskGroup
    _attempts: Attempts
    _busy: set[Hashable] = field(factory=set, init=False)

    def next(self) -> Dispatch:
        """
        Return how a round that begins now is done.

        What is busy now is left out though it ends meanwhile: the round may not see what it did.
        """
        return partial(self._begin, frozenset(self._busy))

    async def _begin(self, spared: Collection[Hashable], tasks: Mapping[Hashable, Task], /) -> None:
        for about in tasks.keys() - set(spared):
            self._busy.add(about)
            self._running.start_soon(self._do, tasks[about], about)

    async def _do(self, task: Task, about: Hashable) -> None:
        try:
            await self._attempts.make(task, about)
        finally:
            self._busy.discard(about)
