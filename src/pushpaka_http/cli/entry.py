"""The program `pushpaka`: its commands, and how it ends when something goes wrong."""

import sys
from collections.abc import Mapping
from importlib import import_module

import click

from pushpaka_core.errors import PushpakaError, SettingsError

COMMANDS: Mapping[str, str] = {
    "serve": "Serve the API and deploy, with a router of its own.",
    "worker": "Deploy, beside a serve that does not.",
    "run": "Run a one-off command in what a project serves.",
    "plan": "Tell how a directory would be built and run, and why.",
    "down": "Stop the applications and the router that a serve has left running.",
    "migrate": "Bring the database up to date.",
    "takeover": "Make this machine the one on which applications run.",
    "users": "Make and change accounts.",
    "keys": "List and exchange the keys that encrypt secrets.",
    "export": "Write all that the instance knows into a file.",
    "import": "Fill an empty database from such a file.",
    "demo": "Deploy an example application, to see it happen.",
}
"""What each command is for; it is the object `command` in the module of its name."""
_MODULES: Mapping[str, str] = {"import": "import_"}
"""Where a module cannot have that name."""


class CommandGroup(click.Group):
    """Imports a command when it is used, so that help costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are first needed."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or return None where there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"pushpaka_http.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pushpaka", message="pushpaka %(version)s")
def pushpaka() -> None:
    """
    From a Git repository to a routed, running web application.

    Settings are environment variables named PUSHPAKA_*.
    """


def main() -> None:
    """
    Run the command line.

    What Pushpaka raises on purpose ends it with a sentence: with exit code 2 where
    the settings are to be mended, else 1.
    """
    try:
        pushpaka(prog_name="pushpaka")
    except PushpakaError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
