"""What is more than one operation: to find, to wait, and to turn pages."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from anyio import create_task_group, fail_after
from attrs import evolve
from tests.client.samples import DEPLOYMENT
from tests.http.clients import Person
from tests.http.instances import Instance

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_http.client import AsyncClient, NotSettledError
from pushpaka_http.client.choices import Paging, is_settled
from pushpaka_http.client.objects import from_answer
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import PageResponse

pytestmark = pytest.mark.anyio

ONE = from_answer(DeploymentResponse, DEPLOYMENT)


async def test_project_is_found_by_slug_or_name(client: AsyncClient, ann: Person) -> None:
    """The slug comes first, as it is the only one of its kind; what is neither is not there."""
    first, second = await ann.project("Shop"), await ann.project("shop-")
    assert "shop" == first["slug"]

    found = [await client.projects.find(name) for name in ("shop", "Shop", "shop-", "blog")]

    assert [first["id"], first["id"], second["id"], None] == [
        project and str(project.id) for project in found
    ]


async def test_deployment_is_waited_for(
    client: AsyncClient, ann: Person, instance: Instance
) -> None:
    """Whoever waits gets the deployment once it is over, or hears that it is not."""
    deployment = await ann.deployment()
    with pytest.raises(NotSettledError, match="still queued"):
        await client.deployments.wait(deployment["id"], seconds=0)

    with fail_after(10):
        async with create_task_group() as tasks:
            tasks.start_soon(instance.fail)
            ended = await client.deployments.wait(deployment["id"], seconds=10)

    assert "failed" == ended.status


@pytest.mark.parametrize("status", DeploymentStatus)
def test_what_is_under_way_is_not_settled(status: DeploymentStatus) -> None:
    """What is queued or in work is waited for; what runs, or did, is not."""
    under_way = {"queued", "building", "deploying"}

    assert (status not in under_way) == is_settled(evolve(ONE, status=status))


def page_of(numbers: Sequence[int], *, total: int) -> PageResponse[DeploymentResponse]:
    """Return a page with the deployments of these numbers."""
    shown = [evolve(ONE, id=DeploymentId(UUID(int=number))) for number in numbers]
    return PageResponse(data=shown, total=total, limit=2, offset=0)


def test_pages_that_move_show_each_deployment_once() -> None:
    """What is queued meanwhile moves all others on, which are not shown a second time."""
    paging = Paging()

    first = list(paging.new_on(page_of([5, 4], total=5)))
    second = list(paging.new_on(page_of([4, 3], total=6)))
    third = list(paging.new_on(page_of([2, 1], total=6)))

    assert [5, 4, 3, 2, 1] == [one.id.int for one in (*first, *second, *third)]
    assert paging.is_over
    assert 6 == paging.offset


def test_empty_page_is_the_last() -> None:
    """What was deleted meanwhile is waited for by nobody."""
    paging = Paging()

    assert [] == list(paging.new_on(page_of([], total=3)))
    assert paging.is_over
