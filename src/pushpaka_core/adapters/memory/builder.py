"""A builder for tests that builds nothing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from anyio import fail_after, sleep_forever
from attrs import define, field

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import BuildTimeoutError, PushpakaError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.ports.progress import Reporter
from pushpaka_core.ports.system import Clock


@define(kw_only=True)
class MemoryBuilder:
    """Records build requests and succeeds, fails or hangs, as configured."""

    output: Sequence[str] = ("Built.\n",)
    """The output of every build, in chunks."""
    failure: PushpakaError | None = None
    """The error raised by every build after its output, or None to succeed."""
    is_hanging: bool = False
    """Whether builds hang after their output, until they are canceled or time out."""
    packaging: Packaging = Packaging.DIRECTORY
    """The kind of artifact that this builder builds."""
    requests: list[BuildRequest] = field(factory=list, init=False)
    """All build requests, oldest first."""
    _now: Clock = lambda: datetime.now(UTC)
    _artifacts: dict[str, Lease] = field(factory=dict, init=False)

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Pass `output` to *on_output*, then hang, raise `failure` or return a new artifact."""
        self.requests.append(request)
        try:
            with fail_after(timeout.total_seconds()):
                await self._build(request, on_progress, on_output)
        except TimeoutError:
            raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
        name = f"{request.lease.deployment_id}.{request.lease.fence}"
        self._artifacts[name] = request.lease
        return Artifact(name=name, digest=sha256(repr(request.plan).encode()).hexdigest())

    def add_artifact(self, artifact: str, lease: Lease) -> None:
        """Add an artifact as if it had been built under *lease*."""
        self._artifacts[artifact] = lease

    async def exists(self, artifact: str, /) -> bool:
        """Return whether the artifact was built and not removed."""
        return artifact in self._artifacts

    async def remove(self, artifact: str, /) -> None:
        """Remove the artifact."""
        self._artifacts.pop(artifact, None)

    async def remove_cache(self, project_number: int, /) -> None:
        """Do nothing: there is no build cache."""

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all artifacts and the leases they were built under."""
        return dict(self._artifacts)

    async def _build(
        self,
        request: BuildRequest,
        report: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> None:
        await report(f"Building with {request.plan.language}")
        for piece in self.output:
            data = piece.encode()
            await on_output(
                OutputChunk(stream=OutputStream.STDOUT, data=data, written_at=self._now())
            )
        if self.is_hanging:
            await sleep_forever()
        if self.failure is not None:
            raise self.failure
