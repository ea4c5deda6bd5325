"""The program `pushpaka`: its commands, its help and its exit codes."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from pushpaka_core.errors import PushpakaError, SettingsError

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Deploy": {
        "deploy": "Deploy a project and follow its progress.",
        "logs": "Show build and application logs.",
        "status": "Show the state of a project and its deployments.",
        "ps": "List the running deployments of a project.",
        "deployments": "List and show deployments.",
        "rollback": "Roll back to an earlier deployment.",
        "redeploy": "Deploy again with the latest environment variables.",
        "promote": "Promote a preview to production.",
        "restart": "Restart an application without downtime.",
        "scale": "Change the number of instances of an application.",
        "stop": "Stop an application.",
        "start": "Start a stopped application.",
        "cancel": "Cancel a deployment in progress.",
    },
    "Project": {
        "init": "Link this folder to a project, creating it if necessary.",
        "open": "Open an application in the browser.",
        "projects": "Create, show, change and delete projects.",
        "env": "List, set and remove environment variables.",
        "domains": "Manage custom domains.",
        "volumes": "Keep files across deployments: manage volumes.",
        "db": "Create and manage databases.",
        "webhooks": "Deploy on push: manage webhooks.",
        "deploy-key": "Manage the SSH deploy key of a private repository.",
        "members": "Manage project members.",
        "notifications": "Send notifications about deployments.",
    },
    "Account": {
        "login": "Sign in to a server.",
        "logout": "Sign out, and revoke this machine's token.",
        "whoami": "Show the current user and server.",
        "contexts": "Switch between servers.",
        "tokens": "Create and revoke API tokens.",
        "invitations": "Accept or decline invitations to projects.",
        "completion": "Print a shell completion script.",
    },
    "Operator": {
        "serve": "Run the server: API, dashboard, worker and router.",
        "worker": "Run a worker, for use with `pushpaka serve --no-worker`.",
        "run": "Run a one-off command in an application.",
        "error-pages": "Serve error pages for routers on other machines.",
        "plan": "Show how a directory would be built and run, and why.",
        "down": "Stop all applications and the router.",
        "doctor": "Check this machine and the configuration for problems.",
        "migrate": "Update the database schema.",
        "takeover": "Take over the applications of a machine that was lost.",
        "users": "Manage user accounts.",
        "keys": "Manage the keys that encrypt secrets.",
        "export": "Export the instance to a file.",
        "import": "Import an export into an empty database.",
        "demo": "Deploy an example application on a separate instance.",
    },
}
"""
The commands in each section of the help, with their descriptions.

A command is the object `command` in `commands/<section>/<name>.py`.
"""
_COMMANDS: Mapping[str, str] = {
    name: purpose for commands in GROUPS.values() for name, purpose in commands.items()
}
_OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("delete", "destroy", "remove", "rm"), "projects delete"),
    **dict.fromkeys(("apps", "list", "ls"), "projects"),
    **dict.fromkeys(("config", "secrets", "vars"), "env"),
    **dict.fromkeys(("addons", "databases", "pg", "postgres"), "db"),
    **dict.fromkeys(("info", "show"), "status"),
    **dict.fromkeys(("create", "launch", "link"), "init"),
    **dict.fromkeys(("push", "up"), "deploy"),
}
"""
Command names of other tools. They are not accepted; the error suggests the command of Pushpaka.
"""
_MODULE_NAMES: Mapping[str, str] = {"import": "import_"}
"""The names of modules whose command is named like a Python keyword."""


def module_of(name: str) -> str:
    """Return the name of the module that defines the command *name*."""
    section = next(group for group, names in GROUPS.items() if name in names).lower()
    module = _MODULE_NAMES.get(name, name.replace("-", "_"))
    return f"pushpaka_http.cli.commands.{section}.{module}"


class CommandGroup(click.Group):
    """A group that imports commands only when they are used, to keep help and completion fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the help."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or return None if there is no such command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(module_of(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the command. An unknown command raises an error that suggests similar names."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            name = error.command_name
            raise click.NoSuchCommand(name, _unknown_command(name), ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any command."""
        return [
            *(
                CompletionItem(name, help=purpose)
                for name, purpose in _COMMANDS.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


def _unknown_command(name: str) -> str:
    near = get_close_matches(name, [*_COMMANDS, *_OTHER_NAMES], n=1)
    hint = "".join(f' Did you mean "pushpaka {_OTHER_NAMES.get(each, each)}"?' for each in near)
    return f'There is no command "{name}".{hint}'


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pushpaka", message="pushpaka %(version)s")
def pushpaka() -> None:
    """
    Deploy web applications from Git to your own server.

    Commands under Operator run on the machine of an instance and read their settings from
    environment variables named PUSHPAKA_*. The commands plan and demo need no instance. All other
    commands call the server that you signed in to with `pushpaka login`, or, in CI, the server in
    PUSHPAKA_CLIENT_URL with the token in PUSHPAKA_CLIENT_TOKEN. PUSHPAKA_PROJECT names the default
    project.

    Exit codes: 0 for success; 1 for an error; 2 for wrong usage or invalid settings.
    """


def main() -> None:
    """
    Run the command line.

    A `PushpakaError` is printed without a traceback. The exit code is 2 for invalid settings and 1
    otherwise.
    """
    try:
        pushpaka(prog_name="pushpaka")
    except PushpakaError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
