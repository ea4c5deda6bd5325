"""Starts shims and talks to them."""

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
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_shim.orders import PIECE, SIZES

if TYPE_CHECKING:
    from pushpaka_shim.orders import Order, Report

SHIM_MARK = "PUSHPAKA_SHIM"
"""The env var of a shim that says whose it is."""

_SCRIPT = Path(pushpaka_shim.__file__).with_name("__main__.py")
SECONDS_TO_END = 10
"""How long killing a tree may take before something is wrong with its shim."""


@frozen
class Shim:
    """A shim that was given its order, from the platform's side of the socket."""

    _process: subprocess.Popen[bytes]
    _socket: socket.socket
    _received: bytearray = field(factory=bytearray, init=False)

    @classmethod
    def start(cls, order: Order, stdin: bytes, instance: str) -> Self:
        """
        Start a shim and hand over *order*.

        Raises:
            PlatformFaultError: If the host has no room for another process.
        """
        near, far = socket.socketpair()
        outputs = subprocess.DEVNULL if order["state"] else subprocess.PIPE
        with far:
            try:
                process = subprocess.Popen(
                    # The name is there for people who look at the list of processes.
                    [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), order["name"]],
                    bufsize=0,
                    stdin=far.fileno(),
                    stdout=outputs,
                    stderr=outputs,
                    cwd="/",
                    env={SHIM_MARK: instance},
                    start_new_session=True,
                )
            except OSError as error:
                near.close()
                reason = error.strerror
                raise PlatformFaultError(f"No process could be started: {reason}.") from error
        shim = cls(process, near)
        shim._hand_over(json.dumps(order).encode(), stdin)
        return shim

    @property
    def report(self) -> Report:
        """What the shim said, empty when it was killed before it could say anything."""
        report: Report = json.loads(self._received or b"{}")
        return report

    @property
    def was_killed(self) -> bool:
        """Tell whether it came to a bad end, so that it may have left something behind."""
        return self._process.returncode != 0

    async def follow(self, on_output: Callable[[OutputChunk], Awaitable[None]]) -> None:
        """Pass the output on until the program, and all that holds its output, has ended."""
        with select.epoll() as sources:
            streams = self._streams()
            for source in (self._socket.fileno(), *streams):
                os.set_blocking(source, False)
                sources.register(source, select.EPOLLIN)
            awaited = {self._socket.fileno(), *streams}
            while awaited and not self._is_silent(awaited):
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

    def _is_silent(self, awaited: Collection[int]) -> bool:
        """Tell whether the shim died without a word; what it watched may go on for ever."""
        return self._socket.fileno() not in awaited and not self._received

    async def end(self) -> None:
        """Hang up, which ends what the shim runs, and wait until it is gone."""
        self._socket.close()
        with move_on_after(SECONDS_TO_END):
            await _wait_for_end(self._process.pid)
        self._process.kill()
        await to_thread.run_sync(self._process.wait)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    def _hand_over(self, order: bytes, stdin: bytes) -> None:
        try:
            self._socket.sendall(SIZES.pack(len(order), len(stdin)) + order + stdin)
        except OSError:
            """A shim that is dead already has nothing to report, which is seen later."""

    def _streams(self) -> dict[int, Descriptor]:
        pairs = (
            (self._process.stdout, Descriptor.STDOUT),
            (self._process.stderr, Descriptor.STDERR),
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
        return os.read(source, PIECE)
    except ConnectionError:
        return b""


def _chunk(descriptor: Descriptor, data: bytes) -> OutputChunk:
    return OutputChunk(descriptor=descriptor, data=data, written_at=datetime.now(UTC))
