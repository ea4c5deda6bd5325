"""Tests methods that send several requests: finding, waiting and paging."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from anyio import create_task_group, fail_after
from attrs import evolve
from tests.client.samples import DEPLOYMENT
from tests.http.clients import Person
from tests.http.instances import Instance

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_http.client import AsyncClient, DeploymentTimeoutError
from pushpaka_http.client.deserialization import from_response
from pushpaka_http.client.lookups import Paging, is_running_or_final
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import PageResponse

pytestmark = pytest.mark.anyio

ONE = from_response(DeploymentResponse, DEPLOYMENT)


async def test_a_project_is_found_by_slug_or_name(client: AsyncClient, ann: Person) -> None:
    """A slug takes precedence over a name, because slugs are unique."""
    first, second = await ann.project("Shop"), await ann.project("shop-")
    assert "shop" == first["slug"]

    found = [await client.projects.find(name) for name in ("shop", "Shop", "shop-", "blog")]

    assert [first["id"], first["id"], second["id"], None] == [
        project and str(project.id) for project in found
    ]


async def test_waiting_returns_the_settled_deployment(
    client: AsyncClient, ann: Person, instance: Instance
) -> None:
    """If the deployment is not settled within the timeout, the method raises an error."""
    deployment = await ann.deployment()
    with pytest.raises(DeploymentTimeoutError, match="still queued"):
        await client.deployments.wait(deployment["id"], seconds=0)

    with fail_after(60):
        async with create_task_group() as tasks:
            tasks.start_soon(instance.fail)
            ended = await client.deployments.wait(deployment["id"], seconds=60)

    assert "failed" == ended.status


@pytest.mark.parametrize("status", DeploymentStatus)
def test_queued_or_building_deployment_is_not_settled(status: DeploymentStatus) -> None:
    """A deployment is settled if it is running, or if its status can no longer change."""
    under_way = {"queued", "building", "deploying"}

    assert (status not in under_way) == is_running_or_final(evolve(ONE, status=status))


def page_of(numbers: Sequence[int], *, total: int) -> PageResponse[DeploymentResponse]:
    """Return a page of deployments whose ids are *numbers*."""
    shown = [evolve(ONE, id=DeploymentId(UUID(int=number))) for number in numbers]
    return PageResponse(data=shown, total=total, limit=2, offset=0)


def test_paging_returns_each_deployment_once() -> None:
    """A deployment that is queued meanwhile moves the others to later pages."""
    paging = Paging()

    first = list(paging.next_items(page_of([5, 4], total=5)))
    second = list(paging.next_items(page_of([4, 3], total=6)))
    third = list(paging.next_items(page_of([2, 1], total=6)))

    assert [5, 4, 3, 2, 1] == [one.id.int for one in (*first, *second, *third)]
    assert paging.is_complete
    assert 6 == paging.offset


def test_paging_stops_at_an_empty_page() -> None:
    """Deployments can be deleted between two requests."""
    paging = Paging()

    assert [] == list(paging.next_items(page_of([], total=3)))
    assert paging.is_complete
