"""A Litestar application that deploys, and mounts the whole Pushpaka API next to its own routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_urlsafe
from uuid import UUID

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation
from litestar.types import ASGIApp, Receive, Scope, Send

from pushpaka_core import (
    PLATFORM,
    Actor,
    Application,
    NewDeployment,
    NewProject,
    Registration,
    Settings,
    open_application,
)
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.errors import NotFoundError
from pushpaka_http.app import create_app
from pushpaka_worker import open_worker

EMAIL = "me@example.com"
Pushpaka = NamedDependency[SkipValidation[Application]]
Me = NamedDependency[SkipValidation[Actor]]


@post("/deployments")
async def deploy(data: dict[str, str], pushpaka: Pushpaka, me: Me) -> dict[str, str]:
    """Deploy a repository under a new name."""
    project = await pushpaka.projects.create(me, NewProject(**data))
    new = NewDeployment(project_id=project.project.id)
    deployment = await pushpaka.deployments.deploy(me, new)
    return {"id": str(deployment.id), "url": project.url}


@get("/deployments/{id:uuid}")
async def show(id: UUID, pushpaka: Pushpaka, me: Me) -> dict[str, str | None]:
    """Show the status of a deployment."""
    deployment = await pushpaka.deployments.get(me, DeploymentId(id))
    return {"status": deployment.status, "error": deployment.error}


@get("/deployments/{id:uuid}/log", media_type=MediaType.TEXT)
async def show_log(id: UUID, pushpaka: Pushpaka, me: Me) -> str:
    """Show the log up to now."""
    lines = await pushpaka.logs.lines(me, DeploymentId(id), LogFilter())
    return "".join(f"{line.phase} | {line.message}\n" for line in lines)


def not_found(_: Request, error: NotFoundError) -> Response[dict[str, str]]:
    return Response({"detail": str(error)}, status_code=404)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Run the core and a worker as long as the application runs."""
    async with open_application(Settings.from_environ()) as pushpaka, open_worker(pushpaka):
        app.state.pushpaka = pushpaka
        app.state.me = await own_account(pushpaka)
        app.state.api = create_app(pushpaka)
        yield


async def own_account(pushpaka: Application) -> Actor:
    """Return the account that owns all projects of this program. The first start creates it."""
    for user in await pushpaka.accounts.all(PLATFORM):
        if user.email == EMAIL:
            return Actor.from_user(user)
    new = Registration(email=EMAIL, name="Litestar", password=token_urlsafe())
    return Actor.from_user(await pushpaka.accounts.create(PLATFORM, new))


def of_pushpaka(state: State) -> Application:
    return state.pushpaka


def of_me(state: State) -> Actor:
    return state.me


def beside_api(own: ASGIApp) -> ASGIApp:
    """Pass requests below /api/v1 to Pushpaka, which has its own sign-in, limits and errors."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        is_theirs = scope.get("path", "").startswith("/api/v1/")
        await (app.state.api if is_theirs else own)(scope, receive, send)

    return choose


app = Litestar(
    [deploy, show, show_log],
    dependencies={
        "pushpaka": Provide(of_pushpaka, sync_to_thread=False),
        "me": Provide(of_me, sync_to_thread=False),
    },
    exception_handlers={NotFoundError: not_found},
    lifespan=[lifespan],
    logging_config=None,
)
app.asgi_handler = beside_api(app.asgi_handler)
