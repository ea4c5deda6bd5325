"""A small application that shows its commit and its settings."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.templating import Jinja2Templates

from greeter import VERSION

GREETING = os.environ.get("GREETING", "Hello")
COMMIT = os.environ.get("APP_COMMIT", "unknown")

templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    print(f"greeter {VERSION} of commit {COMMIT} is ready", flush=True)
    yield


app = FastAPI(title="Greeter", version=VERSION, lifespan=lifespan)


@app.get("/")
async def index(request: Request) -> Response:
    facts = {"greeting": GREETING, "commit": COMMIT, "version": VERSION}
    return templates.TemplateResponse(request, "index.html", facts)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok", "version": VERSION}


@app.get("/env/GREETING")
async def greeting() -> dict[str, str]:
    return {"GREETING": GREETING}


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return
