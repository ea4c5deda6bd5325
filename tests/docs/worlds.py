"""
What the code of a page finds when it is run: a directory, and what the page has asked for.

A page asks by a comment, `<!-- with: an instance -->`, which readers do not see.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, field
from tests.http.instances import Instance
from tests.served import PASSWORD, Served, free_port, open_served

from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import Settings
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.serving import open_instance

API = "http://localhost:8080"
"""Where pages say that an instance answers."""
REPOSITORY = "https://github.com/user/repo"
"""What pages deploy."""
REPOSITORIES = "~/code"
"""Where pages say that repositories lie which are deployed from this machine."""
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "You"), ("EMAIL", "you@example.com"))
}
_ASKED = re.compile(r"^<!-- with: (?P<what>.+?) -->$", re.MULTILINE)
_SITE = {"index.html": "<!doctype html><title>Hello</title><h1>Hello</h1>\n"}
_APPLICATION = re.compile(r"(?P<host>https?://[\w.-]+\.localhost)(?![\w.:-])")


@define
class World:
    """The surroundings of the code of one page."""

    directory: Path
    portal: BlockingPortal
    names: dict[str, object] = field(factory=dict)
    """What Python finds, beside what the page itself has defined."""
    variables: dict[str, str] = field(factory=dict)
    """What the shell finds."""
    replaced: dict[str, str] = field(factory=dict)
    """Where what pages speak of is on this machine."""
    served: Served | None = None

    def meant(self, command: str) -> str:
        """Return a command of a page as it is for this machine."""
        for text, own in self.replaced.items():
            command = command.replace(text, own)
        if self.served is None:
            return command
        return _APPLICATION.sub(rf"\g<host>:{self.served.router_port}", command)

    def told(self, output: str) -> str:
        """Return what this machine has printed as pages have it."""
        for text, own in self.replaced.items():
            output = output.replace(own, text)
        if self.served is None:
            return output
        return output.replace(f":{self.served.router_port}", "")


@contextmanager
def open_world(page: str) -> Iterator[World]:
    """Make what *page* asks for, and leave nothing of it."""
    with ExitStack() as stack:
        directory = Path(mkdtemp(prefix="pushpaka-docs-"))
        directory.chmod(0o711)
        stack.callback(shutil.rmtree, directory)
        world = World(directory, stack.enter_context(start_blocking_portal()))
        world.variables |= {
            **_IDENTITY,
            "HOME": str(directory),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for asked in _ASKED.finditer(page):
            _WORLDS[asked["what"]](world, stack)
        yield world


def _have_an_application(world: World, _stack: ExitStack) -> None:
    world.names["application"] = Instance.empty().application


def _have_an_instance(world: World, stack: ExitStack) -> None:
    portal = world.portal
    opening = open_served(PUSHPAKA_MOST_SIGN_INS="1000")
    served = stack.enter_context(portal.wrap_async_context_manager(opening))
    while not _is_listening(served, portal, stack):
        served.port, served.router_port = free_port(), free_port()
    token, project = portal.call(_populate, served)
    world.served = served
    world.replaced |= {
        API: f"http://localhost:{served.port}",
        REPOSITORY: str(served.repositories / "repo"),
        REPOSITORIES: str(served.repositories),
        '"project_id": "…"': f'"project_id": "{project}"',
        '"correct horse"': f'"{PASSWORD}"',
    }
    world.variables |= {
        **{name: value for name, value in served.environment().items() if "PUSHPAKA" in name},
        "API": f"http://localhost:{served.port}/api/v1",
        "TOKEN": token,
        "ID": project,
    }


def _is_listening(served: Served, portal: BlockingPortal, stack: ExitStack) -> bool:
    """Begin to serve, unless somebody took one of the ports since it was found free."""
    instance = open_instance(Settings.from_environ(served.environment()))
    try:
        stack.enter_context(portal.wrap_async_context_manager(instance))
    except SettingsError as error:
        if "cannot listen" not in str(error):
            raise
        return False
    return True


def _have_a_sign_in(world: World, _stack: ExitStack) -> None:
    world.variables |= {
        "PUSHPAKA_CLIENT_URL": world.replaced[API],
        "PUSHPAKA_CLIENT_TOKEN": world.variables["TOKEN"],
    }


async def _populate(served: Served) -> tuple[str, str]:
    repository = await anyio.to_thread.run_sync(Repository.make, served.repositories / "repo")
    await anyio.to_thread.run_sync(repository.commit, "Say hello", _SITE)
    token = await served.sign_up()
    async with served.api(token) as api:
        body = {"name": "Shop", "repo_url": str(repository.path)}
        answer = await api.post("/projects", json=body)
    assert 201 == answer.status_code, answer.text
    return token, str(answer.json()["id"])


_WORLDS: Mapping[str, Callable[[World, ExitStack], None]] = {
    "an application": _have_an_application,
    "an instance": _have_an_instance,
    "a sign-in": _have_a_sign_in,
}
"""
What a page may ask for.

`an application` is the name `application` in Python, in memory; `an instance` is a
`pushpaka serve`, with `$API`, the `$TOKEN` of an account, and the `$ID` of its project;
`a sign-in`, after an instance, has the command line signed in to it.
"""
