"""Tests data directories whose paths contain special characters of shells, URLs and templates."""

import pytest
from anyio import fail_after, sleep, to_thread
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

ODD = """ da ta \u00fc \u5e97, 'q" 100%25 $HOME `id` {{env "HOME"}} & ; <x> [1] (2) {3} =|!~@ """
FILES = {
    "page": {"index.html": "A page"},
    "program": {
        "requirements.txt": "",
        "Procfile": "web: python serve.py",
        "serve.py": """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Program(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"A program")

ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Program).serve_forever()
""",
    },
}


async def test_applications_can_be_served_from_any_accepted_path() -> None:
    """Git, uv, the shim, Traefik, Caddy and SQLite find their files, even after a restart."""
    async with open_served(PUSHPAKA_TEST_TIMING="fast") as served:
        served.data_name = ODD
        await served.start()
        async with served.api(await served.sign_up()) as api:
            urls = []
            for name, files in FILES.items():
                repository = await to_thread.run_sync(Repository.create, served.repositories / name)
                await to_thread.run_sync(repository.commit, "Begin", files)
                body = {"name": name, "repo_url": str(repository.path)}
                project = (await api.post("/projects", json=body)).json()
                deployment = await served.deploy(api, project["id"])
                assert "running" == deployment["status"], deployment["error"]
                urls.append(project["url"])
        await served.stop()
        down = await served.run("down")
        await served.start()
        answers = [await _answer_of(served, url) for url in urls]
        unrouted_instance = await served.visit("http://nobody.localhost")

    assert 0 == down.code, down.errors
    assert ["A page", "A program"] == answers
    assert "There is no application at this address" in unrouted_instance.text


async def _answer_of(served_instance: ServedInstance, url: str) -> str:
    """Wait until the application at *url* is running again, and return its response."""
    with fail_after(60):
        while (answer := await served_instance.visit(url)).is_error:
            await sleep(0.05)
    return answer.text
