"""The program `pushpaka`: its commands, and how it ends when something goes wrong."""

import gc
import sys
from collections.abc import Mapping
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from pushpaka_core.errors import PushpakaError, SettingsError

_OPERATOR = "Operator"
_YOUNG_OBJECTS = 50_000
"""How many the garbage collector lets come: imports make hundreds of thousands that all stay."""

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Deploy": {
        "deploy": "Deploy a project, and follow it until it runs.",
        "logs": "Show what a deployment says.",
        "status": "Tell what a project serves, and what is in work.",
        "ps": "List what runs of a project.",
        "deployments": "List and show deployments.",
        "rollback": "Serve again what was served before.",
        "redeploy": "Serve the same with the env vars of today.",
        "promote": "Serve a preview as production.",
        "restart": "Replace what runs by new instances of it.",
        "stop": "Stop what a project serves.",
        "start": "Serve again what was stopped.",
        "cancel": "Cancel the deployment that is in work.",
    },
    "Project": {
        "init": "Link this folder to its project, which is made where there is none.",
        "open": "Open the address of a project in the browser.",
        "projects": "Make projects, look at them, change them and delete them.",
        "env": "Set the env vars of a project.",
        "domains": "Bring your own domains, prove that they are yours, and give them up.",
        "webhooks": "Let a forge tell of each push, so that it is deployed.",
        "deploy-key": "Make the ssh key by which a private repository is fetched.",
        "members": "Have others look at a project, or work on it.",
        "notifications": "Have people and programs told how deployments end.",
    },
    "Account": {
        "login": "Sign in to a server.",
        "logout": "Sign out, and end the token of this machine.",
        "whoami": "Tell who is signed in, and where.",
        "contexts": "Choose between several servers.",
        "tokens": "Make API tokens, by which programs act for you, and revoke them.",
        "invitations": "Come into the teams that you are invited to.",
        "completion": "Print the script by which a shell completes commands.",
    },
    _OPERATOR: {
        "serve": "Serve the API and deploy, with a router of its own.",
        "worker": "Deploy, beside a serve that does not.",
        "run": "Run a one-off command in what a project serves.",
        "plan": "Tell how a directory would be built and run, and why.",
        "down": "Stop the applications and the router that a serve has left running.",
        "doctor": "Tell what this machine lacks, and what to do about it.",
        "migrate": "Bring the database up to date.",
        "takeover": "Make this machine the one on which applications run.",
        "users": "Make and change accounts.",
        "keys": "List and exchange the keys that encrypt secrets.",
        "export": "Write all that the instance knows into a file.",
        "import": "Fill an empty database from such a file.",
        "demo": "Deploy an example application, to see it happen.",
    },
}
"""
What each command is for, by the parts of the help.

It is the object `command` in the module of its name: an operator's beside this one, all others
ask a server and are below `client`.
"""
_COMMANDS: Mapping[str, str] = {
    name: purpose for commands in GROUPS.values() for name, purpose in commands.items()
}
_MODULES: Mapping[str, str] = {"import": "import_"}
"""Where a module cannot have that name."""


class CommandGroup(click.Group):
    """Imports a command when it is used, so that help and completion cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or return None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        name = _MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        package = "cli" if cmd_name in GROUPS[_OPERATOR] else "cli.client"
        command: click.Command = import_module(f"pushpaka_http.{package}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a typo is told with the names that are near."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            name = error.command_name
            raise click.NoSuchCommand(name, possibilities=_COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any."""
        return [
            *(
                CompletionItem(name, help=purpose)
                for name, purpose in _COMMANDS.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pushpaka", message="pushpaka %(version)s")
def pushpaka() -> None:
    """
    From a Git repository to a routed, running web application.

    Commands under Operator are for the machine of an instance, and take their settings from
    environment variables named PUSHPAKA_*; plan and demo need no instance. All others ask the
    server that `pushpaka login` has signed in to, or PUSHPAKA_CLIENT_URL and
    PUSHPAKA_CLIENT_TOKEN, as in CI.

    Exit codes: 0 done; 1 refused or failed; 2 wrong usage.
    """


def main() -> None:
    """
    Run the command line.

    What Pushpaka raises on purpose ends it with a sentence: with exit code 2 where
    the settings are to be mended, else 1.
    """
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        pushpaka(prog_name="pushpaka")
    except PushpakaError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
