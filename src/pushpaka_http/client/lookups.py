"""Lookups and paging over lists of API objects."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field

from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import PageResponse
from pushpaka_http.schemas.projects import ProjectResponse

MAX_PAGE_SIZE = 100
"""The largest page size that the API allows."""


def project_named(name: str, projects: Sequence[ProjectResponse]) -> ProjectResponse | None:
    """Return the project with the slug *name*, else the one with the name *name*, or None."""
    by_slug = (project for project in projects if project.slug == name)
    by_name = (project for project in projects if project.name == name)
    return next(by_slug, None) or next(by_name, None)


def is_running_or_final(deployment: DeploymentResponse) -> bool:
    """Return True if the deployment is running or final."""
    return deployment.status not in QUEUED_OR_IN_PROGRESS


@define
class Paging:
    """
    Pages through a list of deployments. New deployments may be added to its start in the
    meantime.
    """

    offset: int = 0
    is_complete: bool = False
    _seen: set[DeploymentId] = field(factory=set)

    def next_items(self, page: PageResponse[DeploymentResponse]) -> Iterator[DeploymentResponse]:
        """
        Yield the deployments of *page* that no earlier page contained, and go to the next
        page.
        """
        self.offset += len(page.data)
        self.is_complete = not page.data or self.offset >= page.total
        yield from self._without_seen(page.data)

    def _without_seen(
        self, deployments: Iterable[DeploymentResponse]
    ) -> Iterator[DeploymentResponse]:
        for deployment in deployments:
            if deployment.id not in self._seen:
                self._seen.add(deployment.id)
                yield deployment
