"""What happens, as it happens."""

from litestar import Controller, get
from litestar.params import FromQuery

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Given
from pushpaka_http.deployment_events import MoveWatch, View
from pushpaka_http.event_streams import EventStream
from pushpaka_http.watching import Watchers


class EventController(Controller):
    """What happens to all that somebody may see."""

    path = "/events"
    tags = ("events",)

    @get("/", media_type="text/event-stream")
    async def moves(
        self,
        *,
        actor: Given[Actor],
        token: Given[Token],
        move_watch: Given[MoveWatch],
        watchers: Given[Watchers],
        project_id: FromQuery[ProjectId | None] = None,
    ) -> EventStream:
        """
        Watch deployments move, as Server-Sent Events: `deployment` has a Deployment as it is now.

        First comes `ready`: what is read after it is told of from then on, so whoever had
        another connection before reads anew. After an hour comes `end`: ask again.
        """
        view = View(actor=actor, token=token, project_id=project_id)
        return await move_watch.events(view, watchers)
