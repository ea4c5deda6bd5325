"""Starts shims, which are processes that start and watch one program each, and talks to them."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from anyio import move_on_after, to_thread, wait_readable
from attrs import field, frozen

import pushpaka_shim
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_shim.protocol import READ_SIZE, REQUEST_HEADER

if TYPE_CHECKING:
    from pushpaka_shim.protocol import Report, SpawnRequest

SHIM_MARK = "PUSHPAKA_SHIM"
"""The environment variable of a shim that identifies its instance of the platform."""

_SCRIPT = Path(pushpaka_shim.__file__).with_name("__main__.py")
KILL_TIMEOUT_SECONDS = 10
"""The time limit for a shim to kill a process tree, in seconds."""


@frozen
class Shim:
    """A running shim: its process, and the socket through which the platform controls it."""

    _process: subprocess.Popen[bytes]
    _socket: socket.socket
    _received: bytearray = field(factory=bytearray, init=False)

    @classmethod
    def start(cls, request: SpawnRequest, stdin: bytes, instance: str) -> Self:
        """
        Start a shim and send it *request*.

        Raises:
            PlatformFaultError: If the host cannot start another process.
        """
        local_socket, remote_socket = socket.socketpair()
        outputs = subprocess.DEVNULL if request["state"] else subprocess.PIPE
        with remote_socket:
            try:
                process = subprocess.Popen(
                    # The name is shown in process listings, and read by ProcessTable.shims.
                    [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), request["name"]],
                    bufsize=0,
                    stdin=remote_socket.fileno(),
                    stdout=outputs,
                    stderr=outputs,
                    cwd="/",
                    env={SHIM_MARK: instance},
                    start_new_session=True,
                )
            except OSError as error:
                local_socket.close()
                reason = error.strerror
                raise PlatformFaultError(
                    f"No process could be started: {reason}. Check this host's free memory and "
                    "process limit."
                ) from error
        shim = cls(process, local_socket)
        shim._send_request(json.dumps(request).encode(), stdin)
        return shim

    @property
    def report(self) -> Report:
        """The shim's report; empty if it was killed before it sent one."""
        report: Report = json.loads(self._received or b"{}")
        return report

    @property
    def has_failed(self) -> bool:
        """Whether the shim failed, so that processes of its program may be left over."""
        return self._process.returncode != 0

    async def relay_output(self, on_output: Callable[[OutputChunk], Awaitable[None]]) -> None:
        """Pass output to *on_output* until the program and all holders of its output have ended."""
        with select.epoll() as sources:
            streams = self._streams()
            for source in (self._socket.fileno(), *streams):
                os.set_blocking(source, False)
                sources.register(source, select.EPOLLIN)
            awaited = {self._socket.fileno(), *streams}
            while awaited and not self._died_silently(awaited):
                await wait_readable(sources.fileno())
                for source, _ in sources.poll(0):
                    data = _read(source)
                    if not data:
                        sources.unregister(source)
                        awaited.remove(source)
                    elif source in streams:
                        await on_output(_chunk(streams[source], data))
                    else:
                        self._received.extend(data)

    def _died_silently(self, open_sources: Collection[int]) -> bool:
        """Return True if the shim died without a report. Its program may still be running."""
        return self._socket.fileno() not in open_sources and not self._received

    async def close(self) -> None:
        """
        Close the socket, which makes the shim kill its program, and wait until it ends.

        A shim that takes longer than `KILL_TIMEOUT_SECONDS` is killed.
        """
        self._socket.close()
        with move_on_after(KILL_TIMEOUT_SECONDS):
            await _wait_for_end(self._process.pid)
        self._process.kill()
        await to_thread.run_sync(self._process.wait)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    def _send_request(self, request: bytes, stdin: bytes) -> None:
        try:
            self._socket.sendall(REQUEST_HEADER.pack(len(request), len(stdin)) + request + stdin)
        except OSError:
            """The shim is already dead. The missing report reveals that later."""

    def _streams(self) -> dict[int, OutputStream]:
        pairs = (
            (self._process.stdout, OutputStream.STDOUT),
            (self._process.stderr, OutputStream.STDERR),
        )
        return {stream.fileno(): descriptor for stream, descriptor in pairs if stream}


async def _wait_for_end(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        await wait_readable(descriptor)
    finally:
        os.close(descriptor)


def _read(source: int) -> bytes:
    try:
        return os.read(source, READ_SIZE)
    except ConnectionError:
        return b""


def _chunk(output_stream: OutputStream, data: bytes) -> OutputChunk:
    return OutputChunk(stream=output_stream, data=data, written_at=datetime.now(UTC))
