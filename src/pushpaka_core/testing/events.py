"""
Contract tests for the `EventBus` port.

Derive a test class from `EventBusContract` in a module with the fixture `bus`, a bus without
subscribers.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TypeVar

from anyio import create_task_group, fail_after, wait_all_tasks_blocked

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.ports.events import EventBus
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import later

M = TypeVar("M", bound=Message)


class EventBusContract:
    """Tests that every adapter of the `EventBus` port must pass."""

    async def test_a_subscriber_gets_published_messages(self, bus: EventBus) -> None:
        """Messages arrive complete and in order."""
        deployment = a_deployment(a_project(a_user()))
        messages: list[Message] = [
            _lines(deployment, 1),
            DeploymentChanged(deployment=deployment.cancel(now=later(1))),
            _lines(deployment, 2),
        ]

        async with bus.subscribe(deployment.id) as watched:
            for message in messages:
                await bus.publish(message)

            assert messages == await _take(watched, 3)

    async def test_every_subscriber_gets_every_message(self, bus: EventBus) -> None:
        """Subscribers do not take messages from each other."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as one, bus.subscribe(deployment.id) as other:
            await bus.publish(_lines(deployment, 1))

            assert await _take(one, 1) == await _take(other, 1) == [_lines(deployment, 1)]

    async def test_subscriber_gets_only_messages_of_its_deployment(self, bus: EventBus) -> None:
        """Messages about other deployments are not delivered."""
        project = a_project(a_user())
        watched_one, other = a_deployment(project), a_deployment(project)

        async with bus.subscribe(watched_one.id) as watched:
            await bus.publish(_lines(other, 1))
            await bus.publish(_lines(watched_one, 1))

            assert [_lines(watched_one, 1)] == await _take(watched, 1)

    async def test_a_subscription_begins_when_the_context_is_entered(self, bus: EventBus) -> None:
        """Messages that were published earlier are not delivered. Storage has them."""
        deployment = a_deployment(a_project(a_user()))
        await bus.publish(_lines(deployment, 1))

        async with bus.subscribe(deployment.id) as watched:
            await bus.publish(_lines(deployment, 2))

            assert [_lines(deployment, 2)] == await _take(watched, 1)

    async def test_publishing_needs_no_subscriber(self, bus: EventBus) -> None:
        """Publishing without subscribers has no effect, even if there used to be a subscriber."""
        deployment = a_deployment(a_project(a_user()))
        async with bus.subscribe(deployment.id):
            pass

        await bus.publish(_lines(deployment, 1))

    async def test_a_slow_subscriber_does_not_block_publishing(self, bus: EventBus) -> None:
        """Publishing does not block; sequence numbers show a slow subscriber what it missed."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as slow:
            with fail_after(10):
                for seq in range(1, 5001):
                    await bus.publish(_lines(deployment, seq))
            first = await _take(slow, 1)

        assert [_lines(deployment, 1)] == first

    async def test_a_canceled_wait_loses_no_message(self, bus: EventBus) -> None:
        """A message that is published after a wait was canceled is still delivered."""
        deployment = a_deployment(a_project(a_user()))

        async with bus.subscribe(deployment.id) as watched:
            await _give_up(watched)
            await bus.publish(_lines(deployment, 1))

            assert [_lines(deployment, 1)] == await _take(watched, 1)

    async def test_a_deployment_can_have_a_thousand_subscribers(self, bus: EventBus) -> None:
        """Every one of a thousand subscribers gets the message."""
        deployment = a_deployment(a_project(a_user()))

        async with AsyncExitStack() as stack:
            watchers = [
                await stack.enter_async_context(bus.subscribe(deployment.id)) for _ in range(1000)
            ]
            await bus.publish(_lines(deployment, 1))

            received = [await _take(watched, 1) for watched in watchers]

        assert [[_lines(deployment, 1)]] * 1000 == received

    async def test_status_changes_of_all_deployments_are_received(self, bus: EventBus) -> None:
        """A subscriber to all deployments gets their status changes, but no log lines."""
        project = a_project(a_user())
        one, other = (DeploymentChanged(deployment=a_deployment(project)) for _ in range(2))

        async with (
            bus.subscribe_to_deployments() as transitions,
            bus.subscribe_to_deployments() as others,
        ):
            await bus.publish(one)
            await bus.publish(_lines(one.deployment, 1))
            await bus.publish(other)

            assert [one, other] == await _take(transitions, 2)
            assert [one, other] == await _take(others, 2)

    async def test_a_subscriber_gets_each_status_change_once(self, bus: EventBus) -> None:
        """
        A subscriber to one deployment gets each status change once, even while another subscriber
        watches all deployments.
        """
        deployment = a_deployment(a_project(a_user()))
        moved = DeploymentChanged(deployment=deployment)

        async with bus.subscribe(deployment.id) as watched, bus.subscribe_to_deployments():
            await bus.publish(moved)
            await bus.publish(_lines(deployment, 1))

            assert [moved, _lines(deployment, 1)] == await _take(watched, 2)

    async def test_a_status_subscription_begins_when_the_context_is_entered(
        self, bus: EventBus
    ) -> None:
        """Earlier status changes are not delivered, not even to a second subscription."""
        project = a_project(a_user())
        transitions = [DeploymentChanged(deployment=a_deployment(project)) for _ in range(3)]
        async with bus.subscribe_to_deployments():
            await bus.publish(transitions[0])
        await bus.publish(transitions[1])

        async with bus.subscribe_to_deployments() as watched:
            await bus.publish(transitions[2])

            assert [transitions[2]] == await _take(watched, 1)

    async def test_a_slow_subscriber_to_status_changes_blocks_nothing(self, bus: EventBus) -> None:
        """Publishing does not block, and buffered status changes stay in order."""
        moved = DeploymentChanged(deployment=a_deployment(a_project(a_user())))

        async with bus.subscribe_to_deployments() as slow:
            with fail_after(10):
                for _ in range(5000):
                    await bus.publish(moved)

            assert [moved, moved] == await _take(slow, 2)


async def _take(subscription: AsyncIterator[M], count: int) -> list[M]:
    with fail_after(10):
        return [await anext(subscription) for _ in range(count)]


async def _give_up(subscription: AsyncIterator[M]) -> None:
    """Wait for the next message, and cancel the wait."""
    async with create_task_group() as tasks:
        tasks.start_soon(_take, subscription, 1)
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


def _lines(deployment: Deployment, seq: int) -> LogLinesAppended:
    line = LogLine.of(a_log_entry(f"Line {seq}"), deployment_id=deployment.id, seq=seq)
    return LogLinesAppended(deployment_id=deployment.id, lines=[line])
