"""
Contract tests for the `Runtime` port.

Derive a test class from `RuntimeContract` in a module with these fixtures:

- `runtime`: a runtime without instances;
- `start_request`: a start request for an instance that prints "Hello." and keeps running;
- `exiting_request`: a start request for an instance that prints "Hello." and exits with code 3;
- `release_request`: a start request for a release command that prints "Hello." and succeeds.
"""

from datetime import timedelta

import pytest
from anyio import CancelScope, fail_after, sleep_forever
from anyio.lowlevel import checkpoint

from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, Runtime, StartRequest
from pushpaka_core.testing.applications import BuildRecorder

GRACE = timedelta(seconds=30)
"""A grace period that only a hanging program exceeds, even on a busy machine."""
_PATIENCE = 60
"""Seconds after which a test fails because something hangs, even on a busy machine."""


class RuntimeContract:
    """Tests that every adapter of the `Runtime` port must pass."""

    async def test_started_instance_is_listed(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """A started instance is listed, and found by its name."""
        await runtime.start(start_request)

        observed = await runtime.inspect(start_request.instance.name)
        assert observed is not None
        assert (start_request.instance.name, True) == (observed.name, observed.is_alive)
        assert [observed] == list(await runtime.instances())

    async def test_starting_a_running_instance_has_no_effect(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """A repeated start does not restart the program."""
        await runtime.start(start_request)
        before = await runtime.inspect(start_request.instance.name)

        await runtime.start(start_request)

        assert before == await runtime.inspect(start_request.instance.name)

    async def test_workers_of_an_instance_keep_their_ids(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """The ids of workers stay the same until one ends. A runtime may be unable to list them."""
        await runtime.start(start_request)

        assert await runtime.worker_processes(
            start_request.instance
        ) == await runtime.worker_processes(start_request.instance)

    async def test_an_instance_within_its_limits_exceeds_no_limit(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """`exceeded_limit` returns None, even for an instance that was never started."""
        before = await runtime.exceeded_limit(start_request.instance)

        await runtime.start(start_request)

        assert (None, None) == (before, await runtime.exceeded_limit(start_request.instance))

    async def test_a_stopped_instance_is_dead(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """The exit of a stopped instance can be read, and stopping it again has no effect."""
        await runtime.start(start_request)
        await _wait_for_output(runtime, start_request)

        await runtime.stop(start_request.instance.name, grace_period=GRACE)
        await runtime.stop(start_request.instance.name, grace_period=GRACE)

        observed = await runtime.inspect(start_request.instance.name)
        assert observed is not None
        assert "SIGTERM" in (observed.exit or "")

    async def test_an_exit_is_described(
        self, runtime: Runtime, exiting_request: StartRequest
    ) -> None:
        """The description of an instance that has exited contains its exit code."""
        await runtime.start(exiting_request)

        assert "exited with code 3" == (await _wait_for_exit(runtime, exiting_request)).exit

    async def test_a_forgotten_name_is_unknown(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """
        Exited instances can be removed, even repeatedly. Removing a running instance raises
        ConflictError, and `remove_unused_resources` keeps it.
        """
        await runtime.start(start_request)
        await _wait_for_output(runtime, start_request)
        await runtime.remove_unused_resources()
        await runtime.remove_unused_resources()
        with pytest.raises(ConflictError):
            await runtime.remove(start_request.instance.name)
        await runtime.stop(start_request.instance.name, grace_period=GRACE)

        await runtime.remove(start_request.instance.name)
        await runtime.remove(start_request.instance.name)

        assert await runtime.inspect(start_request.instance.name) is None
        assert [] == list(await runtime.instances())

    async def test_an_unknown_instance_is_ignored(self, runtime: Runtime) -> None:
        """Stopping or removing an unknown instance has no effect."""
        await runtime.stop("unknown", grace_period=GRACE)
        await runtime.remove("unknown")

        assert await runtime.inspect("unknown") is None

    async def test_output_can_be_read_to_its_end(
        self, runtime: Runtime, exiting_request: StartRequest
    ) -> None:
        """All output of a dead instance can be read repeatedly."""
        await runtime.start(exiting_request)

        for _ in range(2):
            with fail_after(_PATIENCE):
                chunks = [chunk async for chunk in runtime.output(exiting_request.instance.name)]

            assert b"Hello.\n" == b"".join(chunk.data for chunk in chunks)

    async def test_output_resumes_at_the_last_position(
        self, runtime: Runtime, exiting_request: StartRequest
    ) -> None:
        """There is no output after the last position of a dead instance."""
        await runtime.start(exiting_request)
        *_, last = [chunk async for chunk in runtime.output(exiting_request.instance.name)]

        rest = runtime.output(exiting_request.instance.name, after=last.position)

        assert [] == [chunk async for chunk in rest]

    async def test_output_without_follow_ends_at_once(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """Reading without following does not wait for a running instance."""
        name, output = start_request.instance.name, b""
        await runtime.start(start_request)

        with fail_after(_PATIENCE):
            while output != b"Hello.\n":
                chunks = [chunk async for chunk in runtime.output(name, follow=False)]
                output = b"".join(chunk.data for chunk in chunks)
            rest = runtime.output(name, after=chunks[-1].position, follow=False)

            assert [] == [chunk async for chunk in rest]

    async def test_a_release_command_runs_to_its_end(
        self, runtime: Runtime, release_request: StartRequest
    ) -> None:
        """The output of a release command is streamed, and it leaves no instance."""
        build_recorder = BuildRecorder()

        exit_ = await runtime.run_once(
            release_request, timeout=GRACE, on_output=build_recorder.on_output
        )

        assert exit_.succeeded
        assert b"Hello.\n" == build_recorder.output
        assert [] == list(await runtime.instances())

    async def test_a_command_ends_with_its_caller(
        self, runtime: Runtime, release_request: StartRequest
    ) -> None:
        """A command is not listed as an instance, and it ends when its caller is canceled."""
        seen: list[ObservedInstance] = []

        async def list_and_cancel(_chunk: OutputChunk) -> None:
            seen.extend(await runtime.instances())
            waiting.cancel()

        with CancelScope() as waiting:
            await runtime.run_once(release_request, timeout=None, on_output=list_and_cancel)
            await sleep_forever()

        assert waiting.cancelled_caught
        assert [] == seen
        assert await runtime.inspect(release_request.instance.name) is None


async def _wait_for_exit(runtime: Runtime, request: StartRequest) -> ObservedInstance:
    with fail_after(_PATIENCE):
        while (seen := await runtime.inspect(request.instance.name)) is None or seen.is_alive:
            await checkpoint()
    return seen


async def _wait_for_output(runtime: Runtime, request: StartRequest) -> None:
    """Wait for output, because the kernel discards signals to a container that has just started."""
    with fail_after(_PATIENCE):
        while not [chunk async for chunk in runtime.output(request.instance.name, follow=False)]:
            await checkpoint()
