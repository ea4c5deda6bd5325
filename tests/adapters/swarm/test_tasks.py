"""Tests the errors of tasks whose program never started."""

from typing import Any

import pytest

from pushpaka_core.adapters.swarm.tasks import Task
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.runtime import ClusterNode

NODES = {
    "n1": ClusterNode(
        name="blue", address="10.0.0.1", role="worker", state="ready", availability="active"
    )
}


def rejected_task(message: str, node: str = "n1") -> Task:
    """Return a task that the Swarm gave up with *message*."""
    status = {"State": "rejected", "Err": message, "Timestamp": "2026-01-01T00:00:00Z"}
    attrs: dict[str, Any] = {
        "ID": "t1",
        "NodeID": node,
        "DesiredState": "running",
        "Status": status,
        "Spec": {},
    }
    return Task.parse(attrs, NODES)


@pytest.mark.parametrize(
    ("task", "error"),
    [
        (
            rejected_task("No such image: shop:1"),
            StartError(
                "The Swarm could not start the instance: No such image: shop:1. Check that the "
                "node blue can reach the registry."
            ),
        ),
        (
            rejected_task("invalid mount config", node="unknown"),
            StartError("The Swarm could not start the instance: invalid mount config."),
        ),
        (
            rejected_task("network sandbox join failed: file exists"),
            PlatformFaultError(
                "The Swarm could not start the instance: network sandbox join failed: file exists. "
                "If this persists, restart Docker on the node blue."
            ),
        ),
    ],
)
def test_only_faults_of_the_node_are_tried_again(task: Task, error: Exception) -> None:
    assert task.failed_to_start
    assert (type(error), str(error)) == (type(task.start_failure), str(task.start_failure))
