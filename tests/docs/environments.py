"""
The environment of the code on a page: a directory, and the resources that the page requires.

A page requires an instance with the comment `<!-- with: an instance -->`.
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
from tests.served_instance import PASSWORD, ServedInstance, free_port, open_served

from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import Settings
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.server.instance import open_instance

API = "http://localhost:8080"
"""The address of an instance on pages."""
REPOSITORY = "https://github.com/user/repo"
"""The repository on pages."""
REPOSITORIES = "~/code"
"""The directory of local repositories on pages."""
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "You"), ("EMAIL", "you@example.com"))
}
_ASKED = re.compile(r"^<!-- with: (?P<what>.+?) -->$", re.MULTILINE)
_SITE = {"index.html": "<!doctype html><title>Hello</title><h1>Hello</h1>\n"}
_APPLICATION = re.compile(r"(?P<host>https?://[\w.-]+\.localhost)(?![\w.:-])")


@define
class PageEnvironment:
    """The environment of the code on one page."""

    directory: Path
    portal: BlockingPortal
    names: dict[str, object] = field(factory=dict)
    """Names for Python code, in addition to those that the page defines."""
    variables: dict[str, str] = field(factory=dict)
    """Environment variables of the shell."""
    replaced: dict[str, str] = field(factory=dict)
    """Replacements for texts on the page, by text."""
    served_instance: ServedInstance | None = None

    def to_local(self, command: str) -> str:
        """Return a documented command with the addresses of this machine."""
        for text, own in self.replaced.items():
            command = command.replace(text, own)
        if self.served_instance is None:
            return command
        return _APPLICATION.sub(rf"\g<host>:{self.served_instance.router_port}", command)

    def to_documented(self, output: str) -> str:
        """Return the output of a command with the documented addresses."""
        for text, own in self.replaced.items():
            output = output.replace(own, text)
        if self.served_instance is None:
            return output
        return output.replace(f":{self.served_instance.router_port}", "")


@contextmanager
def open_page_environment(page: str) -> Iterator[PageEnvironment]:
    """Provide the resources that *page* requires, and remove them afterwards."""
    with ExitStack() as stack:
        directory = Path(mkdtemp(prefix="pushpaka-docs-"))
        directory.chmod(0o711)
        stack.callback(shutil.rmtree, directory)
        page_environment = PageEnvironment(directory, stack.enter_context(start_blocking_portal()))
        page_environment.variables |= {
            **_IDENTITY,
            "HOME": str(directory),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for asked in _ASKED.finditer(page):
            _WORLDS[asked["what"]](page_environment, stack)
        yield page_environment


def _provide_application(page_environment: PageEnvironment, _stack: ExitStack) -> None:
    page_environment.names["application"] = Instance.empty().application


def _provide_instance(page_environment: PageEnvironment, stack: ExitStack) -> None:
    portal = page_environment.portal
    opening = open_served(PUSHPAKA_MAX_SIGN_INS="1000")
    served = stack.enter_context(portal.wrap_async_context_manager(opening))
    while not _start_instance(served, portal, stack):
        served.port, served.router_port = free_port(), free_port()
        served.choose_other_ports()
    token, project = portal.call(_populate, served)
    page_environment.served_instance = served
    page_environment.replaced |= {
        API: f"http://localhost:{served.port}",
        REPOSITORY: str(served.repositories / "repo"),
        REPOSITORIES: str(served.repositories),
        '"project_id": "…"': f'"project_id": "{project}"',
        '"correct horse"': f'"{PASSWORD}"',
    }
    page_environment.variables |= {
        **{name: value for name, value in served.environment().items() if "PUSHPAKA" in name},
        "API": f"http://localhost:{served.port}/api/v1",
        "TOKEN": token,
        "ID": project,
    }


def _start_instance(
    served_instance: ServedInstance, portal: BlockingPortal, stack: ExitStack
) -> bool:
    """Start the instance. Return False if one of its ports is in use."""
    instance = open_instance(Settings.from_environ(served_instance.environment()))
    try:
        stack.enter_context(portal.wrap_async_context_manager(instance))
    except SettingsError as error:
        if "cannot listen" not in str(error):
            raise
        return False
    return True


def _provide_sign_in(page_environment: PageEnvironment, _stack: ExitStack) -> None:
    page_environment.variables |= {
        "PUSHPAKA_CLIENT_URL": page_environment.replaced[API],
        "PUSHPAKA_CLIENT_TOKEN": page_environment.variables["TOKEN"],
    }


async def _populate(served_instance: ServedInstance) -> tuple[str, str]:
    repository = await anyio.to_thread.run_sync(
        Repository.create, served_instance.repositories / "repo"
    )
    await anyio.to_thread.run_sync(repository.commit, "Say hello", _SITE)
    token = await served_instance.sign_up()
    async with served_instance.api(token) as api:
        body = {"name": "Shop", "repo_url": str(repository.path)}
        answer = await api.post("/projects", json=body)
    assert 201 == answer.status_code, answer.text
    return token, str(answer.json()["id"])


_WORLDS: Mapping[str, Callable[[PageEnvironment, ExitStack], None]] = {
    "an application": _provide_application,
    "an instance": _provide_instance,
    "a sign-in": _provide_sign_in,
}
"""
The resources that a page can require.

`an application` defines `application` in Python, an application in memory. `an instance` starts
`pushpaka serve`, with `$API`, the `$TOKEN` of an account, and the `$ID` of its project. `a
sign-in`, after an instance, signs the command line in.
"""
