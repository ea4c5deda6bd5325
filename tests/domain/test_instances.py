"""Instances: their names, their pauses after a crash, and who takes their place."""

from datetime import timedelta

from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.instances import (
    LONGEST_BACK_OFF,
    STEADY_AFTER,
    Instance,
    InstanceId,
    InstanceState,
)
from pushpaka_core.testing.objects import (
    NOON,
    a_deployment,
    a_project,
    a_user,
    an_id,
    an_instance,
    later,
)


def an_instance_of_its_own(**fields: object) -> Instance:
    return an_instance(a_deployment(a_project(a_user()), fence=3), **fields)


def test_a_name_tells_what_an_instance_belongs_to() -> None:
    """Deployment, fence, process type and the instance itself are in it."""
    instance = an_instance_of_its_own(process_type="worker")

    assert f"{instance.deployment_id}.3.worker.{instance.id.hex[:12]}" == instance.name
    assert Lease(deployment_id=instance.deployment_id, fence=3) == instance.lease


def test_pauses_double_up_to_five_minutes() -> None:
    """Who keeps crashing is started again less and less often, but without end."""
    instance, pauses = an_instance_of_its_own(), []
    for _ in range(100):
        instance = instance.crash("exited with code 1", at=NOON)
        assert instance.restart_at is not None
        pauses.append(instance.restart_at - NOON)

    assert [1, 2, 4, 8, 16, 32, 64, 128, 256] == [pause.seconds for pause in pauses[:9]]
    assert {LONGEST_BACK_OFF} == set(pauses[9:])


def test_a_steady_time_is_forgiving() -> None:
    """A crash after ten minutes is like the first one."""
    instance = an_instance_of_its_own(restarts=7)

    crashed = instance.crash("exited with code 1", at=NOON + STEADY_AFTER)

    assert (1, NOON + STEADY_AFTER + timedelta(seconds=1)) == (
        crashed.restarts,
        crashed.restart_at,
    )


def test_a_successor_begins_anew() -> None:
    """It has the history of the one before, and a port of its own."""
    crashed = an_instance_of_its_own(port=20_000, output_position="9", misses=2, version=4).crash(
        "exited with code 1", at=NOON
    )

    successor = crashed.successor(InstanceId(an_id()), port=20_001, at=later(1))

    assert successor.name != crashed.name
    assert (InstanceState.STARTING, later(1), None, "", 0, 1) == (
        successor.state,
        successor.started_at,
        successor.restart_at,
        successor.output_position,
        successor.misses,
        successor.version,
    )
    assert (20_001, 1, "exited with code 1") == (
        successor.port,
        successor.restarts,
        successor.exit,
    )


def test_who_goes_live_has_no_past() -> None:
    """Misses, its last end and its restart are forgotten; how often it crashed is not."""
    live = an_instance_of_its_own(misses=2, restarts=3, exit="is gone").go_live()

    assert (InstanceState.LIVE, 0, None, None, 3) == (
        live.state,
        live.misses,
        live.exit,
        live.restart_at,
        live.restarts,
    )
