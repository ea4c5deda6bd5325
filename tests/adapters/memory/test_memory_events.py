"""Tests the in-process event bus's buffer for slow subscribers."""

import pytest
from anyio import fail_after

from pushpaka_core.adapters.memory.events import BUFFERED_CHARACTERS, MemoryEventBus
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project

pytestmark = pytest.mark.anyio


def lines_of(deployment: Deployment, seq: int, text: str) -> LogLinesAppended:
    line = LogLine.of(a_log_entry(text), deployment_id=deployment.id, seq=seq)
    return LogLinesAppended(deployment_id=deployment.id, lines=[line])


async def test_buffer_of_a_slow_subscriber_is_bounded() -> None:
    """A slow subscriber gets one message about missed lines instead of all lines."""
    bus, deployment = MemoryEventBus(), a_deployment(a_project(a_user()))
    text = "x" * (BUFFERED_CHARACTERS // 2)
    two = [lines_of(deployment, seq, text) for seq in (1, 2)]
    more = LogLinesAppended(deployment_id=deployment.id, lines=())
    moved = DeploymentChanged(deployment=deployment)

    with fail_after(60):
        async with bus.subscribe(deployment.id) as watched:
            for seq in range(1, 50):
                await bus.publish(lines_of(deployment, seq, text))
            await bus.publish(moved)

            assert [*two, more, moved] == [await anext(watched) for _ in range(4)]

            await bus.publish(lines_of(deployment, 50, text))
            assert lines_of(deployment, 50, text) == await anext(watched)
            await bus.publish(lines_of(deployment, 51, text * 3))
            assert more == await anext(watched)
