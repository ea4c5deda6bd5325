"""The command `pushpaka run`."""

import logging
import shlex
import sys
from collections.abc import Sequence
from signal import SIGINT

import anyio
import click
from anyio import to_thread

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.errors import ConflictError, DeploymentFailedError, NotFoundError
from pushpaka_core.ports.processes import Exit, OutputChunk, OutputStream
from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.ui.failures import as_invalid_input

_SIGNAL_EXIT_BASE = 128
_UNKNOWN_EXIT_CODE = 1


@click.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("project")
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(project: str, words: Sequence[str]) -> None:
    """
    Run a one-off command in an application.

    The command has the environment variables and limits of PROJECT, which is an id, a slug or a
    unique name. A COMMAND that is a single word is run by the shell, for example 'echo $APP_URL'.
    Several words are run as a program with arguments, without a shell. The command runs in the
    directory of the active deployment (with the runtime "docker": in a container of its image), and
    does not need `pushpaka serve`. The command can write to the volumes of the application, which
    keeps running. The command cannot read from stdin. The output is printed but not stored. The
    exit code is the exit code of the command, or 128 plus the number of the signal that ended it.
    Press Ctrl-C to stop the command and all its child processes.
    """
    from pushpaka_core.server_log import LogFormat, configure_logging

    words = words[1:] if words[0] == "--" else words
    line = words[0] if len(words) == 1 else shlex.join(words)
    if not line.strip():
        raise click.UsageError("The command is empty. Pass a command to run.")
    settings = Settings.from_environ()
    configure_logging(LogFormat(settings.log_format), level=logging.ERROR)
    with as_invalid_input(NotFoundError, ConflictError, DeploymentFailedError):
        sys.exit(anyio.run(_run, settings, project, line))


async def _run(settings: Settings, project: str, command_line: str) -> int:
    from pushpaka_core.bootstrap import open_application
    from pushpaka_http.cli.ui.interruption import run_until
    from pushpaka_worker.shutdown import open_stop_signals

    endings: list[Exit] = []
    async with open_stop_signals() as asked, open_application(settings) as application:

        async def run() -> None:
            run_command = application.one_off_commands.run
            endings.append(
                await run_command(PLATFORM, project, command_line, on_output=_write_chunk)
            )

        await run_until(asked, run)
    return _exit_code(endings[0]) if endings else _SIGNAL_EXIT_BASE + SIGINT


async def _write_chunk(chunk: OutputChunk) -> None:
    is_error = chunk.stream is OutputStream.STDERR
    stream = (sys.stderr if is_error else sys.stdout).buffer

    def write() -> None:
        stream.write(chunk.data)
        stream.flush()

    await to_thread.run_sync(write, abandon_on_cancel=True)


def _exit_code(exit_: Exit) -> int:
    """Return the exit code of the command. Print a message if a memory limit ended it."""
    if exit_.memory_limit is not None and not exit_.succeeded:
        click.echo(f"The command {exit_.description}.", err=True)
    if exit_.code is not None:
        return exit_.code
    return _UNKNOWN_EXIT_CODE if exit_.signal is None else _SIGNAL_EXIT_BASE + exit_.signal
