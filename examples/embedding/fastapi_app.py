"""A FastAPI application that deploys: `uvicorn fastapi_app:app`, with PUSHPAKA_* settings."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from secrets import token_urlsafe
from typing import Annotated, TypedDict
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel

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
from pushpaka_core.errors import ConflictError, InvalidInputError, NotFoundError
from pushpaka_worker import open_worker


class State(TypedDict):
    pushpaka: Application
    actor: Actor


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    """Run the core and a worker as long as the application runs."""
    async with open_application(Settings.from_environ()) as pushpaka, open_worker(pushpaka):
        yield {"pushpaka": pushpaka, "actor": await own_account(pushpaka)}


async def own_account(pushpaka: Application) -> Actor:
    """Return the account that owns all projects of this program. The first start creates it."""
    for user in await pushpaka.accounts.all(PLATFORM):
        return Actor.from_user(user)
    new = Registration(email="me@example.com", name="FastAPI", password=token_urlsafe())
    return Actor.from_user(await pushpaka.accounts.create(PLATFORM, new))


def of_pushpaka(request: Request) -> Application:
    return request.state.pushpaka


def of_actor(request: Request) -> Actor:
    return request.state.actor


Pushpaka = Annotated[Application, Depends(of_pushpaka)]
Me = Annotated[Actor, Depends(of_actor)]
app = FastAPI(lifespan=lifespan)


class Wanted(BaseModel):
    name: str
    repo_url: str


@app.post("/deployments", status_code=201)
async def deploy(wanted: Wanted, pushpaka: Pushpaka, me: Me) -> dict[str, str]:
    """Deploy a repository under a name. The first deployment creates the project."""
    known = {o.project.name: o for o in await pushpaka.projects.all(me)}
    project = known.get(wanted.name) or await pushpaka.projects.create(
        me, NewProject(name=wanted.name, repo_url=wanted.repo_url)
    )
    new = NewDeployment(project_id=project.project.id)
    deployment = await pushpaka.deployments.deploy(me, new)
    return {"id": str(deployment.id), "status": deployment.status, "url": project.url}


@app.get("/deployments/{id}")
async def show(id: UUID, pushpaka: Pushpaka, me: Me) -> dict[str, str | None]:
    """Show the status of a deployment."""
    deployment = await pushpaka.deployments.get(me, DeploymentId(id))
    return {"status": deployment.status, "phase": deployment.phase, "error": deployment.error}


@app.get("/deployments/{id}/log", response_class=PlainTextResponse)
async def show_log(id: UUID, pushpaka: Pushpaka, me: Me) -> str:
    """Show the log up to now."""
    lines = await pushpaka.logs.lines(me, DeploymentId(id), LogFilter())
    return "".join(f"{line.phase} | {line.message}\n" for line in lines)


@app.get("/deployments/{id}/log/live")
async def follow_log(id: UUID, pushpaka: Pushpaka, me: Me) -> StreamingResponse:
    """Stream the log until the deployment is final."""
    await pushpaka.logs.require_visible(me, DeploymentId(id))

    async def text() -> AsyncIterator[str]:
        async with aclosing(pushpaka.logs.follow(me, DeploymentId(id))) as batches:
            async for lines in batches:
                for line in lines:
                    yield f"{line.phase} | {line.message}\n"

    return StreamingResponse(text(), media_type="text/plain")


@app.exception_handler(NotFoundError)
async def not_found(_: Request, error: NotFoundError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


@app.exception_handler(ConflictError)
async def conflict(_: Request, error: ConflictError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)


@app.exception_handler(InvalidInputError)
async def invalid(_: Request, error: InvalidInputError) -> JSONResponse:
    return JSONResponse({"detail": error.problems}, status_code=422)
