"""`pushpaka run`."""

import logging
import shlex
import sys
from collections.abc import Sequence
from signal import SIGINT

import anyio
import click
from anyio import to_thread

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.errors import ConflictError, DeploymentFailedError, NotFoundError
from pushpaka_core.ports.processes import Descriptor, Exit, OutputChunk
from pushpaka_core.settings import Settings
from pushpaka_http.cli.refusals import refused

_BY_SIGNAL = 128
_GONE = 1


@click.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("project")
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(project: str, words: Sequence[str]) -> None:
    """
    Run a one-off command in what PROJECT serves, with its env vars and limits.

    PROJECT is an id, or a slug or name by which no other project is called. A COMMAND of one
    word is a line of the shell, as in 'echo $APP_URL'; several words are a program and its
    arguments, before which "--" may stand. It begins in the directory of the application (in
    its image, on the runtime docker), beside a serve or without one. It gets no input; its
    output is shown and kept nowhere. Its exit code is that of `pushpaka run`, 128 and the
    number of the signal where one has ended it. Ctrl-C ends it with all that it has started.
    """
    from pushpaka_core.server_log import LogFormat, set_up_logging

    words = words[1:] if words[0] == "--" else words
    line = words[0] if len(words) == 1 else shlex.join(words)
    if not line.strip():
        raise click.UsageError("There is no command to run.")
    settings = Settings.from_environ()
    set_up_logging(LogFormat(settings.log_format), level=logging.ERROR)
    with refused(NotFoundError, ConflictError, DeploymentFailedError):
        sys.exit(anyio.run(_run, settings, project, line))


async def _run(settings: Settings, project: str, line: str) -> int:
    from pushpaka_core.bootstrap import open_application
    from pushpaka_http.cli.ending import unless
    from pushpaka_worker.ending import ending_asked_for

    endings: list[Exit] = []
    async with ending_asked_for() as asked, open_application(settings) as application:

        async def run() -> None:
            verb = application.one_offs.run
            endings.append(await verb(PLATFORM, project, line, on_output=_show))

        await unless(asked, run)
    return _code(endings[0]) if endings else _BY_SIGNAL + SIGINT


async def _show(chunk: OutputChunk) -> None:
    is_error = chunk.descriptor is Descriptor.STDERR
    stream = (sys.stderr if is_error else sys.stdout).buffer

    def write() -> None:
        stream.write(chunk.data)
        stream.flush()

    await to_thread.run_sync(write, abandon_on_cancel=True)


def _code(ending: Exit) -> int:
    """Return what tells how it ended, and say it where the number does not tell why."""
    if ending.memory_limit is not None and not ending.succeeded:
        click.echo(f"The command {ending.words}.", err=True)
    if ending.code is not None:
        return ending.code
    return _GONE if ending.signal is None else _BY_SIGNAL + ending.signal
