"""What the in-process event bus keeps for watchers who are slow."""

import pytest
from anyio import fail_after

from pushpaka_core.adapters.memory.events import BUFFERED_CHARACTERS, MemoryEventBus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry

pytestmark = pytest.mark.anyio


def lines_of(deployment: Deployment, seq: int, text: str) -> LinesWritten:
    line = LogLine.of(an_entry(text), deployment_id=deployment.id, seq=seq)
    return LinesWritten(deployment_id=deployment.id, lines=[line])


async def test_a_slow_watcher_is_kept_little_text() -> None:
    """Instead of the rest it finds a word that there is more, and then goes on."""
    bus, deployment = MemoryEventBus(), a_deployment(a_project(a_user()))
    text = "x" * (BUFFERED_CHARACTERS // 2)
    two = [lines_of(deployment, seq, text) for seq in (1, 2)]
    more = LinesWritten(deployment_id=deployment.id, lines=())
    moved = DeploymentMoved(deployment=deployment)

    with fail_after(5):
        async with bus.subscribe(deployment.id) as watched:
            for seq in range(1, 50):
                await bus.publish(lines_of(deployment, seq, text))
            await bus.publish(moved)

            assert [*two, more, moved] == [await anext(watched) for _ in range(4)]

            await bus.publish(lines_of(deployment, 50, text))
            assert lines_of(deployment, 50, text) == await anext(watched)
            await bus.publish(lines_of(deployment, 51, text * 3))
            assert more == await anext(watched)
