"""Tests instances: names, restart delays and successors."""

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.instances.instances import (
    BACKOFF_RESET_AFTER,
    MAX_BACKOFF,
    Instance,
    InstanceState,
)
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, an_id, later


def new_instance(**fields: object) -> Instance:
    return an_instance(a_deployment(a_project(a_user()), fence=3), **fields)


def test_name_has_deployment_fence_and_process_type() -> None:
    instance = new_instance(process_type="worker")

    assert f"{instance.deployment_id}.3.worker.{instance.id.hex[:12]}" == instance.name
    assert Lease(deployment_id=instance.deployment_id, fence=3) == instance.lease


def test_restart_delay_doubles_up_to_five_minutes() -> None:
    instance, pauses = new_instance(), []
    for _ in range(100):
        instance = instance.crash("exited with code 1", now=NOON)
        assert instance.restart_at is not None
        pauses.append(instance.restart_at - NOON)

    assert [0, 1, 2, 4, 8, 16, 32, 64, 128, 256] == [pause.seconds for pause in pauses[:10]]
    assert {MAX_BACKOFF} == set(pauses[10:])


def test_stable_instance_restarts_at_once() -> None:
    instance = new_instance(restarts=7)

    crashed = instance.crash("exited with code 1", now=NOON + BACKOFF_RESET_AFTER)

    assert (1, NOON + BACKOFF_RESET_AFTER) == (crashed.restarts, crashed.restart_at)


def test_successor_has_no_failures() -> None:
    crashed = new_instance(port=20_000, output_position="9", failed_probes=2, version=4).crash(
        "exited with code 1", now=NOON
    )

    successor = crashed.successor(InstanceId(an_id()), port=20_001, now=later(1))

    assert successor.name != crashed.name
    assert (InstanceState.STARTING, later(1), None, "", 0, 1) == (
        successor.state,
        successor.started_at,
        successor.restart_at,
        successor.output_position,
        successor.failed_probes,
        successor.version,
    )
    assert (20_001, 1, "exited with code 1") == (successor.port, successor.restarts, successor.exit)


def test_going_live_clears_failures() -> None:
    live = new_instance(failed_probes=2, restarts=3, exit="is gone").go_live()

    found = (live.state, live.failed_probes, live.exit, live.restart_at, live.restarts)
    assert (InstanceState.LIVE, 0, None, None, 3) == found
