"""A builder that only says so."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from anyio import fail_after, sleep_forever
from attrs import define, field

from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import BuildError, PushpakaError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.system import Clock


@define(kw_only=True)
class MemoryBuilder:
    """Builds at once whatever it is given, and fails or hangs when it is told to."""

    output: Sequence[str] = ("Built.\n",)
    """What every build prints, piece by piece."""
    failure: PushpakaError | None = None
    """What every build raises, behind its output, while it is set."""
    is_hanging: bool = False
    """Whether builds wait, behind their output, until they are cancelled or their time is over."""
    packaging: Packaging = Packaging.DIRECTORY
    """What plans are made for."""
    requests: list[BuildRequest] = field(factory=list, init=False)
    """Each build that was begun, the oldest first."""
    _now: Clock = lambda: datetime.now(UTC)
    _artifacts: dict[str, Lease] = field(factory=dict, init=False)

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Print the output, and keep the name of an artifact."""
        self.requests.append(request)
        try:
            with fail_after(timeout.total_seconds()):
                await self._build(request, report, on_output)
        except TimeoutError:
            raise BuildError(
                f"The build took longer than {timeout.total_seconds():g} seconds."
            ) from None
        name = f"{request.lease.deployment_id}.{request.lease.fence}"
        self._artifacts[name] = request.lease
        return Artifact(name=name, digest=sha256(repr(request.plan).encode()).hexdigest())

    def keep(self, artifact: str, lease: Lease) -> None:
        """Have an artifact as if it had been built under *lease*."""
        self._artifacts[artifact] = lease

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether it was built and not removed."""
        return artifact in self._artifacts

    async def remove(self, artifact: str, /) -> None:
        """Forget the artifact."""
        self._artifacts.pop(artifact, None)

    async def forget(self, project_number: int, /) -> None:
        """Forget nothing, since nothing is kept."""

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all that was built and not removed."""
        return dict(self._artifacts)

    async def _build(
        self,
        request: BuildRequest,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> None:
        await report(f"Building with {request.plan.language}")
        for piece in self.output:
            data = piece.encode()
            await on_output(
                OutputChunk(descriptor=Descriptor.STDOUT, data=data, written_at=self._now())
            )
        if self.is_hanging:
            await sleep_forever()
        if self.failure is not None:
            raise self.failure
