"""What is meant, among what there is."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field

from pushpaka_core.domain.deployment_steps import UNDER_WAY
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import PageResponse
from pushpaka_http.schemas.projects import ProjectResponse

PAGE = 100
"""As many as an instance shows at once."""


def project_named(name: str, projects: Sequence[ProjectResponse]) -> ProjectResponse | None:
    """Return the project whose slug, else whose name, this is."""
    by_slug = (project for project in projects if project.slug == name)
    by_name = (project for project in projects if project.name == name)
    return next(by_slug, None) or next(by_name, None)


def is_settled(deployment: DeploymentResponse) -> bool:
    """Tell whether a deployment runs or is over."""
    return deployment.status not in UNDER_WAY


@define
class Paging:
    """Leads through the pages of a list that grows at its front meanwhile."""

    offset: int = 0
    is_over: bool = False
    _seen: set[DeploymentId] = field(factory=set)

    def new_on(self, page: PageResponse[DeploymentResponse]) -> Iterator[DeploymentResponse]:
        """Yield what *page* has and none before had, and turn it."""
        self.offset += len(page.data)
        self.is_over = not page.data or self.offset >= page.total
        yield from self._unseen(page.data)

    def _unseen(self, deployments: Iterable[DeploymentResponse]) -> Iterator[DeploymentResponse]:
        for deployment in deployments:
            if deployment.id not in self._seen:
                self._seen.add(deployment.id)
                yield deployment
