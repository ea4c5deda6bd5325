"""A runtime without programs: instances live until they are told to crash."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from anyio import Event, fail_after, sleep_forever
from attrs import define, field

from pushpaka_core.domain.instances import Instance
from pushpaka_core.errors import ConflictError, PushpakaError, RuntimeUnavailableError
from pushpaka_core.ports.processes import Descriptor, Exit, OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest
from pushpaka_core.ports.system import Clock

OTHER_PORT = 8080


class Listening(Enum):
    """Where the programs of this runtime listen."""

    AS_TOLD = auto()
    """On the instance's own port."""
    NOWHERE = auto()
    ELSEWHERE = auto()
    """On OTHER_PORT, whatever PORT says."""
    TAKEN = auto()
    """Nowhere, and somebody else listens on the instance's port."""


@define(kw_only=True)
class MemoryRuntime:
    """Plays programs: what is set here holds for those that are started from then on."""

    greeting: str = "Listening.\n"
    """What every program prints when it begins."""
    farewell: str = ""
    """What every program prints when it is told to end."""
    failure: PushpakaError | None = None
    """What every start raises while it is set."""
    early_exit: str | None = None
    """How every program ends as soon as it has begun, as in "exited with code 1"."""
    listening: Listening = Listening.AS_TOLD
    release_exit: Exit = field(factory=lambda: Exit(code=0))
    """How every release command ends."""
    is_hanging: bool = False
    """Whether release commands wait until they are cancelled or their time is over."""
    is_stubborn: bool = False
    """Whether who tells a program to end never sees it end."""
    is_away: bool = False
    """Whether nobody answers who starts, ends or looks at a program."""
    host: str | None = None
    """Where programs listen, if this runtime chooses the machine."""
    excesses: dict[str, str] = field(factory=dict, init=False)
    """What programs have taken too much of, in words, as in "wrote more than its limit"."""
    resisting: set[str] = field(factory=set, init=False)
    """The programs that were told so."""
    run: list[StartRequest] = field(factory=list, init=False)
    """What each command was run with, the oldest first."""
    _now: Clock = lambda: datetime.now(UTC)
    _programs: dict[str, "_Program"] = field(factory=dict, init=False)

    def crash(self, name: str, exit: str = "exited with code 1") -> None:
        """End the program *name* as if by itself."""
        self._programs[name].end(exit)

    def emit(self, name: str, text: str, descriptor: Descriptor = Descriptor.STDOUT) -> None:
        """Let the program *name* print *text*."""
        self._programs[name].print(text, descriptor, self._now())

    def rob(self, name: str) -> None:
        """Let the program *name* live on, and somebody else listen on its port."""
        self._programs[name].listening = Listening.TAKEN

    def lose(self, name: str) -> None:
        """Let the program *name* vanish without a trace, as a reboot does."""
        self._programs.pop(name).end("vanished")

    @property
    def living(self) -> Mapping[str, StartRequest]:
        """What the living programs were started with, by name."""
        return {n: p.request for n, p in self._programs.items() if p.exit is None}

    async def start(self, request: StartRequest, /) -> None:
        """Begin a program, unless there is one of that name."""
        self._require_answer()
        if self.failure is not None:
            raise self.failure
        if request.instance.name in self._programs:
            return
        program = _Program(request=request, started_at=self._now(), listening=self.listening)
        self._programs[request.instance.name] = program
        if self.greeting:
            program.print(self.greeting, Descriptor.STDOUT, self._now())
        if self.early_exit is not None:
            program.end(self.early_exit)

    async def stop(self, name: str, /, *, grace: timedelta) -> None:  # noqa: ARG002 - it obeys
        """End the program at once, but for its farewell, unless it is stubborn."""
        self._require_answer()
        if self.is_stubborn:
            self.resisting.add(name)
            await sleep_forever()
        if name in self.living and self.farewell:
            self.emit(name, self.farewell)
        if name in self._programs:
            self._programs[name].end("was ended by signal SIGTERM")

    async def forget(self, name: str, /) -> None:
        """Drop a program that has ended."""
        self._require_answer()
        if name in self.living:
            raise ConflictError(f"{name} lives; stop it first.")
        self._programs.pop(name, None)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Look at the program of that name."""
        self._require_answer()
        return self._programs[name].observed(self.host) if name in self._programs else None

    async def instances(self) -> Sequence[ObservedInstance]:
        """Return all programs that are not forgotten."""
        self._require_answer()
        return [program.observed(self.host) for program in self._programs.values()]

    async def sweep(self) -> None:
        """Find nothing: a program leaves nothing behind."""
        self._require_answer()

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Tell it by what the program was told to do."""
        match self._listening(instance.name):
            case Listening.AS_TOLD:
                return True
            case Listening.TAKEN:
                return False
        return None

    async def listening_elsewhere(self, instance: Instance, /) -> Sequence[str]:
        """Return OTHER_PORT where the program listens on it."""
        elsewhere = self._listening(instance.name) is Listening.ELSEWHERE
        return (str(OTHER_PORT),) if elsewhere else ()

    async def excess(self, instance: Instance, /) -> str | None:
        """Tell what the program was told to take."""
        return self.excesses.get(instance.name)

    async def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Yield what the program prints; positions count its pieces."""
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
        """Print the greeting, and end as told."""
        self._require_answer()
        self.run.append(request)
        program = _Program(request=request, started_at=self._now(), listening=Listening.NOWHERE)
        program.print(self.greeting, Descriptor.STDOUT, self._now())
        with fail_after(timeout.total_seconds() if timeout else None):
            await on_output(program.output[0])
            if self.is_hanging:
                await sleep_forever()
        return self.release_exit

    def _require_answer(self) -> None:
        if self.is_away:
            raise RuntimeUnavailableError("The runtime does not answer.")

    def _listening(self, name: str) -> Listening:
        program = self._programs.get(name)
        is_alive = program is not None and program.exit is None
        return program.listening if program and is_alive else Listening.NOWHERE


@define(kw_only=True)
class _Program:
    """What is played under one name."""

    request: StartRequest
    started_at: datetime
    listening: Listening
    exit: str | None = None
    output: list[OutputChunk] = field(factory=list)
    changed: Event = field(factory=Event)

    def observed(self, host: str | None) -> ObservedInstance:
        """Return what the runtime tells of it."""
        name = self.request.instance.name
        return ObservedInstance(name=name, started_at=self.started_at, exit=self.exit, host=host)

    def print(self, text: str, descriptor: Descriptor, at: datetime) -> None:
        """Add a piece of output."""
        self.output.append(
            OutputChunk(
                descriptor=descriptor,
                data=text.encode(),
                written_at=at,
                position=str(len(self.output) + 1),
            )
        )
        self._wake()

    def end(self, exit: str) -> None:
        """End it, once."""
        self.exit = self.exit or exit
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = Event()
