"""
What every event bus must do, as tests.

Derive a test class from `EventBusContract` in a module whose fixture `bus` is a bus
that nobody watches.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TypeVar

from anyio import fail_after, move_on_after

from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.ports.events import EventBus
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry, later

M = TypeVar("M", bound=Message)


class EventBusContract:
    """The promises of the port `EventBus`; each holds for every adapter."""

    async def test_a_watcher_gets_what_is_published(self, bus: EventBus) -> None:
        """Lines and moves arrive whole, in the order in which they were published."""
        deployment = a_deployment(a_project(a_user()))
        messages: list[Message] = [
            _lines(deployment, 1),
            DeploymentMoved(deployment=deployment.cancel(at=later(1))),
            _lines(deployment, 2),
        ]

        async with bus.subscribe(deployment.id) as watched:
            for message in messages:
                await bus.publish(message)

            assert messages == await _take(watched, 3)

    async def test_every_watcher_gets_every_message(self, bus: EventBus) -> None:
        """What one watcher reads is not taken from another."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as one, bus.subscribe(deployment.id) as other:
            await bus.publish(_lines(deployment, 1))

            assert await _take(one, 1) == await _take(other, 1) == [_lines(deployment, 1)]

    async def test_a_watcher_gets_nothing_of_others(self, bus: EventBus) -> None:
        """Only messages of the watched deployment arrive."""
        project = a_project(a_user())
        watched_one, other = a_deployment(project), a_deployment(project)

        async with bus.subscribe(watched_one.id) as watched:
            await bus.publish(_lines(other, 1))
            await bus.publish(_lines(watched_one, 1))

            assert [_lines(watched_one, 1)] == await _take(watched, 1)

    async def test_a_watcher_begins_when_the_context_is_entered(self, bus: EventBus) -> None:
        """What was published before is found in storage, not here."""
        deployment = a_deployment(a_project(a_user()))
        await bus.publish(_lines(deployment, 1))

        async with bus.subscribe(deployment.id) as watched:
            await bus.publish(_lines(deployment, 2))

            assert [_lines(deployment, 2)] == await _take(watched, 1)

    async def test_nobody_needs_to_watch(self, bus: EventBus) -> None:
        """To publish what nobody watches is harmless, also after a watcher has left."""
        deployment = a_deployment(a_project(a_user()))
        async with bus.subscribe(deployment.id):
            pass

        await bus.publish(_lines(deployment, 1))

    async def test_a_slow_watcher_holds_up_nobody(self, bus: EventBus) -> None:
        """Publishing goes on, and the slow one finds by the numbers that it has missed some."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as slow:
            with fail_after(10):
                for seq in range(1, 5001):
                    await bus.publish(_lines(deployment, seq))
            first = await _take(slow, 1)

        assert [_lines(deployment, 1)] == first

    async def test_a_watcher_goes_on_after_a_time_out(self, bus: EventBus) -> None:
        """Giving up to wait for the next message loses none."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as watched:
            with move_on_after(0.01):
                await anext(watched)
            await bus.publish(_lines(deployment, 1))

            assert [_lines(deployment, 1)] == await _take(watched, 1)

    async def test_a_thousand_watchers_are_served(self, bus: EventBus) -> None:
        """A deployment may be watched by many at once."""
        deployment = a_deployment(a_project(a_user()))

        async with AsyncExitStack() as stack:
            watchers = [
                await stack.enter_async_context(bus.subscribe(deployment.id)) for _ in range(1000)
            ]
            await bus.publish(_lines(deployment, 1))

            received = [await _take(watched, 1) for watched in watchers]

        assert [[_lines(deployment, 1)]] * 1000 == received

    async def test_moves_of_all_are_watched_together(self, bus: EventBus) -> None:
        """Whoever watches all deployments gets each move, and none of their lines."""
        project = a_project(a_user())
        one, other = (DeploymentMoved(deployment=a_deployment(project)) for _ in range(2))

        async with bus.subscribe_to_moves() as moves, bus.subscribe_to_moves() as others:
            await bus.publish(one)
            await bus.publish(_lines(one.deployment, 1))
            await bus.publish(other)

            assert [one, other] == await _take(moves, 2)
            assert [one, other] == await _take(others, 2)

    async def test_who_watches_a_deployment_gets_no_move_twice(self, bus: EventBus) -> None:
        """Not even while somebody else watches them all."""
        deployment = a_deployment(a_project(a_user()))
        moved = DeploymentMoved(deployment=deployment)

        async with bus.subscribe(deployment.id) as watched, bus.subscribe_to_moves():
            await bus.publish(moved)
            await bus.publish(_lines(deployment, 1))

            assert [moved, _lines(deployment, 1)] == await _take(watched, 2)

    async def test_moves_begin_when_the_context_is_entered(self, bus: EventBus) -> None:
        """What moved before is found in storage, also by who comes back."""
        project = a_project(a_user())
        moves = [DeploymentMoved(deployment=a_deployment(project)) for _ in range(3)]
        async with bus.subscribe_to_moves():
            await bus.publish(moves[0])
        await bus.publish(moves[1])

        async with bus.subscribe_to_moves() as watched:
            with move_on_after(0.01):
                await anext(watched)
            await bus.publish(moves[2])

            assert [moves[2]] == await _take(watched, 1)

    async def test_who_is_slow_with_moves_holds_up_nobody(self, bus: EventBus) -> None:
        """Publishing goes on, and what the slow one has room for is in order."""
        moved = DeploymentMoved(deployment=a_deployment(a_project(a_user())))

        async with bus.subscribe_to_moves() as slow:
            with fail_after(10):
                for _ in range(5000):
                    await bus.publish(moved)

            assert [moved, moved] == await _take(slow, 2)


async def _take(watched: AsyncIterator[M], number: int) -> list[M]:
    with fail_after(10):
        return [await anext(watched) for _ in range(number)]


def _lines(deployment: Deployment, seq: int) -> LinesWritten:
    line = LogLine.of(an_entry(f"Line {seq}"), deployment_id=deployment.id, seq=seq)
    return LinesWritten(deployment_id=deployment.id, lines=[line])
