"""Runs commands against a real instance."""

import os
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path

from anyio import to_thread
from attrs import frozen
from click.testing import CliRunner
from tests.acceptance.tools.people import Person
from tests.served_instance import CommandResult, ServedInstance

from pushpaka_http.cli.entry import pushpaka


@frozen(kw_only=True)
class Shell:
    """Runs commands for one person."""

    served_instance: ServedInstance
    person: Person

    @property
    def env(self) -> Mapping[str, str | None]:
        """The environment variables that differ from those of the tests."""
        ours = {name: None for name in os.environ if name.startswith("PUSHPAKA_")}
        return {
            **ours,
            "PUSHPAKA_CLIENT_URL": f"http://127.0.0.1:{self.served_instance.port}",
            "PUSHPAKA_CLIENT_TOKEN": self.person.token,
            "XDG_CONFIG_HOME": str(self.served_instance.directory / "config"),
        }

    async def run(self, *words: str, folder: Path) -> CommandResult:
        """Run a command in *folder*, and require that it succeeds."""

        def run() -> CommandResult:
            with chdir(folder):
                result = CliRunner().invoke(pushpaka, words, env=self.env)
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            return CommandResult(code=result.exit_code, output=result.stdout, errors=result.stderr)

        finished = await to_thread.run_sync(run)
        assert 0 == finished.code, finished.output + finished.errors
        return finished
