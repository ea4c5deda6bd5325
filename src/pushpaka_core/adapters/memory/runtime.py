"""A runtime that simulates programs, with health checks and a host, for tests and embedding."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from anyio import Event, fail_after, sleep_forever
from attrs import define, field

from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import ConflictError, PushpakaError, RuntimeUnavailableError
from pushpaka_core.ports.processes import Exit, OutputChunk, OutputStream
from pushpaka_core.ports.runtime import HostCapacity, ObservedInstance, ProbeRequest, StartRequest
from pushpaka_core.ports.system import Clock

OTHER_PORT = 8080

_AMPLE_BYTES = 2**40


class ListenMode(Enum):
    """Where simulated programs listen."""

    OWN_PORT = auto()
    """The program listens on the instance's port."""
    NOWHERE = auto()
    ANOTHER_PORT = auto()
    """The program listens on OTHER_PORT and ignores PORT."""
    PORT_TAKEN = auto()
    """The program cannot listen, because another process uses the instance's port."""


@define(kw_only=True)
class MemoryRuntime:
    """Simulates programs. Attributes apply to programs started after they are set."""

    greeting: str = "Listening.\n"
    """Output of every program when it starts."""
    farewell: str = ""
    """Output of every program when it is stopped."""
    failure: PushpakaError | None = None
    """The error raised by every start, or None."""
    early_exit: str | None = None
    """Exit status of programs that end right after starting, for example "exited with code 1"."""
    listening: ListenMode = ListenMode.OWN_PORT
    release_exit: Exit = field(factory=lambda: Exit(code=0))
    """The exit status of release commands."""
    workers_keep_dying: bool = False
    """Whether each call of `worker_processes` returns a new worker process."""
    is_hanging: bool = False
    """Whether release commands hang until they are canceled or time out."""
    ignores_stop: bool = False
    """Whether stopping a program hangs forever."""
    is_unavailable: bool = False
    """Whether the runtime is unavailable."""
    host: str | None = None
    """The host on which programs listen, if this runtime chooses it."""
    exceeded_limits: dict[str, str] = field(factory=dict, init=False)
    """A description such as "wrote more than its limit" for each instance that exceeded a limit."""
    ignoring_stop: set[str] = field(factory=set, init=False)
    """Names of programs that did not stop because of `ignores_stop`."""
    commands_run: list[StartRequest] = field(factory=list, init=False)
    """Start requests of all release and one-off commands, oldest first."""
    _now: Clock = lambda: datetime.now(UTC)
    _dead_workers: int = field(default=0, init=False)
    _programs: dict[str, "_Program"] = field(factory=dict, init=False)

    def crash(self, name: str, exit: str = "exited with code 1") -> None:
        """Make the program *name* exit by itself."""
        self._programs[name].end(exit)

    def emit(self, name: str, text: str, output_stream: OutputStream = OutputStream.STDOUT) -> None:
        """Make the program *name* print *text*."""
        self._programs[name].print(text, output_stream, self._now())

    def steal_port(self, name: str) -> None:
        """Make another process listen on the port of the program *name*, which keeps running."""
        self._programs[name].listening = ListenMode.PORT_TAKEN

    def vanish(self, name: str) -> None:
        """Remove the program *name* without an exit status, as a reboot does."""
        self._programs.pop(name).end("vanished")

    @property
    def running(self) -> Mapping[str, StartRequest]:
        """Return the start requests of all running programs, by name."""
        return {n: p.request for n, p in self._programs.items() if p.exit is None}

    async def start(self, request: StartRequest, /) -> None:
        """Start a program, unless one of that name exists."""
        self._require_available()
        if self.failure is not None:
            raise self.failure
        if request.instance.name in self._programs:
            return
        program = _Program(request=request, started_at=self._now(), listening=self.listening)
        self._programs[request.instance.name] = program
        if self.greeting:
            program.print(self.greeting, OutputStream.STDOUT, self._now())
        if self.early_exit is not None:
            program.end(self.early_exit)

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:  # noqa: ARG002 - it obeys
        """Print `farewell` and end the program at once. Never returns if `ignores_stop` is set."""
        self._require_available()
        if self.ignores_stop:
            self.ignoring_stop.add(name)
            await sleep_forever()
        if name in self.running and self.farewell:
            self.emit(name, self.farewell)
        if name in self._programs:
            self._programs[name].end("was terminated by signal SIGTERM")

    async def remove(self, name: str, /) -> None:
        """Remove a program that has ended. Raise ConflictError if it is running."""
        self._require_available()
        if name in self.running:
            raise ConflictError(f"The instance {name} is still running. Stop it first.")
        self._programs.pop(name, None)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return the state of the program *name*, or None."""
        self._require_available()
        return self._programs[name].observed(self.host) if name in self._programs else None

    async def instances(self) -> Sequence[ObservedInstance]:
        """Return all programs that were not removed."""
        self._require_available()
        return [program.observed(self.host) for program in self._programs.values()]

    async def remove_unused_resources(self) -> None:
        """Do nothing: programs leave nothing behind."""
        self._require_available()

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Return True, False or None, according to `listening`."""
        match self._listen_mode(instance.name):
            case ListenMode.OWN_PORT:
                return True
            case ListenMode.PORT_TAKEN:
                return False
        return None

    async def other_listeners(self, instance: Instance, /) -> Sequence[str]:
        """Return the port of a program that listens on another port than it was told to."""
        elsewhere = self._listen_mode(instance.name) is ListenMode.ANOTHER_PORT
        return (str(OTHER_PORT),) if elsewhere else ()

    async def worker_processes(self, instance: Instance, /) -> frozenset[str] | None:
        """Return one worker process, a new one for each call if `workers_keep_dying`."""
        if self.workers_keep_dying:
            self._dead_workers += 1
        return frozenset({f"{instance.name}:{self._dead_workers}"})

    async def exceeded_limit(self, instance: Instance, /) -> str | None:
        """Return the configured message about an exceeded limit, or None."""
        return self.exceeded_limits.get(instance.name)

    async def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Yield the output of the program. Positions are chunk numbers."""
        position = int(after or 0)
        while (program := self._programs.get(name)) is not None:
            news = program.output[position:]
            position += len(news)
            for chunk in news:
                yield chunk
            if not news and (program.exit is not None or not follow):
                return
            if not news:
                await program.changed.wait()

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Print `greeting`, then hang or return `release_exit`."""
        self._require_available()
        self.commands_run.append(request)
        program = _Program(request=request, started_at=self._now(), listening=ListenMode.NOWHERE)
        program.print(self.greeting, OutputStream.STDOUT, self._now())
        with fail_after(timeout.total_seconds() if timeout else None):
            await on_output(program.output[0])
            if self.is_hanging:
                await sleep_forever()
        return self.release_exit

    def _require_available(self) -> None:
        if self.is_unavailable:
            raise RuntimeUnavailableError("The runtime is not responding.")

    def _listen_mode(self, name: str) -> ListenMode:
        program = self._programs.get(name)
        is_alive = program is not None and program.exit is None
        return program.listening if program and is_alive else ListenMode.NOWHERE


@define(kw_only=True)
class _Program:
    """A simulated program."""

    request: StartRequest
    started_at: datetime
    listening: ListenMode
    exit: str | None = None
    output: list[OutputChunk] = field(factory=list)
    changed: Event = field(factory=Event)

    def observed(self, host: str | None) -> ObservedInstance:
        """Return the program as an observed instance."""
        name = self.request.instance.name
        return ObservedInstance(name=name, started_at=self.started_at, exit=self.exit, host=host)

    def print(self, text: str, output_stream: OutputStream, written_at: datetime) -> None:
        """Append a chunk of output."""
        self.output.append(
            OutputChunk(
                stream=output_stream,
                data=text.encode(),
                written_at=written_at,
                position=str(len(self.output) + 1),
            )
        )
        self._wake()

    def end(self, exit: str) -> None:
        """Set the exit status, unless the program has already ended."""
        self.exit = self.exit or exit
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = Event()


@define(kw_only=True)
class MemoryProber:
    """Reports every instance as healthy, except on ports with a configured failure."""

    failures: dict[int, str] = field(factory=dict)
    """Failures to report, by port, for example "answered with status 500"."""
    probes: list[ProbeRequest] = field(factory=list, init=False)
    """All probes, oldest first."""

    async def probe(self, probe_request: ProbeRequest, /) -> str | None:
        """Record the probe. Return the failure configured for its port, or None."""
        self.probes.append(probe_request)
        return self.failures.get(probe_request.port)


@define
class MemoryHost:
    """Reports ample disk space and memory until a test reduces them."""

    disk: int = _AMPLE_BYTES
    memory: int = _AMPLE_BYTES
    has_rebooted: bool = False
    """Whether the next call of `has_restarted` returns True."""

    async def free_capacity(self) -> HostCapacity:
        """Return the configured capacity."""
        return HostCapacity(disk=self.disk, memory=self.memory)

    async def has_restarted(self) -> bool:
        """Return `has_rebooted` and reset it."""
        is_new, self.has_rebooted = self.has_rebooted, False
        return is_new
