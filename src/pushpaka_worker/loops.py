"""Runs tasks repeatedly, and logs their errors."""

import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from datetime import timedelta
from functools import partial

from anyio import create_task_group, sleep
from anyio.abc import TaskGroup
from attrs import define, field

from pushpaka_core.errors import PushpakaError
from pushpaka_core.services.concurrency import RoundRunner, Task

logger = logging.getLogger(__name__)


@define
class LoggedAttempts:
    """Runs a task that may fail. A repeated error is logged only once."""

    _name: str
    _last_errors: dict[Hashable, str] = field(factory=dict, init=False)
    """The message of the last error of each subject. See `run`."""

    async def run(self, task: Task, subject: Hashable = None) -> None:
        """
        Run *task* and log its error, if any.

        Args:
            task: The task.
            subject: The subject of the task, such as the id of a deployment. Its last error is
                forgotten when a task with the same subject succeeds.
        """
        try:
            await task()
            self._last_errors.pop(subject, None)
        except PushpakaError as error:
            if str(error) not in self._last_errors.values():
                logger.warning("Background task %s failed: %s", self._name, error)
            self._last_errors[subject] = str(error)
        except Exception:
            logger.exception("Background task %s failed.", self._name)


async def run_forever(interval: timedelta, task: Task) -> None:
    """Run *task* forever, with a pause of *interval* after each run."""
    attempts = LoggedAttempts(task.__name__)
    while True:
        await attempts.run(task)
        await sleep(interval.total_seconds())


async def run_rounds(
    interval: timedelta | Task, start_round: Callable[[RoundRunner], Awaitable[None]]
) -> None:
    """
    Run rounds of *start_round* forever. Slow tasks of one round do not delay the next round.

    Args:
        interval: The pause before each round, or a function that waits until the next one is due.
        start_round: Starts a round by passing its tasks, by subject, to the given round runner.
    """
    attempts = LoggedAttempts(start_round.__name__)
    async with create_task_group() as running:
        rounds = _Rounds(running, attempts)
        while True:
            await (
                sleep(interval.total_seconds()) if isinstance(interval, timedelta) else interval()
            )
            await attempts.run(partial(start_round, rounds.new_dispatch()))


@define
class _Rounds:
    """Starts the tasks of rounds, except for subjects whose earlier task is still running."""

    _task_group: TaskGroup
    _attempts: LoggedAttempts
    _busy_subjects: set[Hashable] = field(factory=set, init=False)

    def new_dispatch(self) -> RoundRunner:
        """
        Return a function that starts the tasks of a new round.

        The function skips the subjects that are busy now, even if their earlier task has ended
        before the function is called: the round may have read their state before that.
        """
        return partial(self._start, frozenset(self._busy_subjects))

    async def _start(
        self, skipped_subjects: Collection[Hashable], tasks: Mapping[Hashable, Task], /
    ) -> None:
        # In the given order, because the first ones get the scarce start slots.
        for subject in [subject for subject in tasks if subject not in skipped_subjects]:
            self._busy_subjects.add(subject)
            self._task_group.start_soon(self._run, tasks[subject], subject)

    async def _run(self, task: Task, subject: Hashable) -> None:
        try:
            await self._attempts.run(task, subject)
        finally:
            self._busy_subjects.discard(subject)
