"""Machines of people who use the command line, and the server that they ask."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, frozen
from click.testing import CliRunner, Result
from tests.http.clients import PASSWORD, UNLIMITED
from tests.http.instances import Instance
from tests.http.raw import served

from pushpaka_http.app import create_app
from pushpaka_http.cli.entry import pushpaka

T = TypeVar("T")


@frozen(kw_only=True)
class Place:
    """An instance behind a real port, beside the test."""

    instance: Instance
    port: int
    portal: BlockingPortal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def do(self, verb: Callable[..., Any], *arguments: object) -> Any:
        """Have the instance do something by itself."""
        return self.portal.call(verb, *arguments)


@contextmanager
def open_place(broken: Exception | None = None) -> Iterator[Place]:
    """Yield an empty instance that is served for as long as the block lasts, all of it or not."""
    instance = Instance.empty()
    application = instance.application if broken is None else instance.broken(broken)
    app = create_app(application, limits=UNLIMITED)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(served(app)) as port,
    ):
        yield Place(instance=instance, port=port, portal=portal)


@define(kw_only=True)
class Desk:
    """A machine of somebody's own: their settings, and a folder in which they type commands."""

    home: Path
    folder: Path

    @classmethod
    def at(cls, directory: Path) -> "Desk":
        """Return a new one whose files are in *directory*."""
        desk = cls(home=directory / "home", folder=directory / "folder")
        desk.home.mkdir(parents=True)
        desk.folder.mkdir()
        return desk

    @property
    def env(self) -> dict[str, str | None]:
        """What commands see of the environment."""
        ours = {name: None for name in os.environ if name.startswith("PUSHPAKA_")}
        return {**ours, "XDG_CONFIG_HOME": str(self.home), "NO_COLOR": "1"}

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process on this machine."""
        told = {**os.environ, **self.env, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def context_file(self) -> Path:
        return self.home / "pushpaka" / "contexts.json"

    def run(
        self,
        *words: str,
        input: str = "",
        code: int | None = 0,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Give a command, and see it end with the exit code *code*, or however where it is None."""
        with chdir(self.folder):
            result = CliRunner().invoke(
                pushpaka, words, input=input, env={**self.env, **(env or {})}
            )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code in {None, result.exit_code}, result.output
        return result

    def json(self, *words: str, **more: Any) -> Any:
        """Give a command with `--json`, and return the object that it prints."""
        return json.loads(self.run(*words, "--json", **more).stdout)

    def sign_up(self, place: Place, email: str) -> None:
        """Make an account, and sign in to it."""
        words = ("login", place.url, "--register", "--email", email, "--password-stdin")
        self.run(*words, input=f"{PASSWORD}\n")

    def clone(self, url: str, *, branch: str = "main") -> None:
        """Make the folder a clone of the repository at *url*."""
        git = self.folder / ".git"
        git.mkdir()
        (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        (git / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n')
