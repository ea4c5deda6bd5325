"""
What every runtime must do, as tests.

Derive a test class from `RuntimeContract` in a module whose fixtures are

- `runtime`: a runtime without instances;
- `living`: what to start an instance with that prints "Hello." and lives on;
- `ending`: what to start one with that prints "Hello." and exits with code 3;
- `releasing`: a release command that prints "Hello." and succeeds.
"""

from datetime import timedelta

import pytest
from anyio import CancelScope, fail_after, sleep_forever
from anyio.lowlevel import checkpoint

from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, Runtime, StartRequest
from pushpaka_core.testing.applications import Told

GRACE = timedelta(seconds=5)


class RuntimeContract:
    """The promises of the port `Runtime`; each holds for every adapter."""

    async def test_a_started_instance_is_seen(self, runtime: Runtime, living: StartRequest) -> None:
        """It lives under its name, alone and among all others."""
        await runtime.start(living)

        observed = await runtime.inspect(living.instance.name)
        assert observed is not None
        assert (living.instance.name, True) == (observed.name, observed.is_alive)
        assert [observed] == list(await runtime.instances())

    async def test_to_start_it_again_is_harmless(
        self, runtime: Runtime, living: StartRequest
    ) -> None:
        """A name that is started stays as it is."""
        await runtime.start(living)
        before = await runtime.inspect(living.instance.name)

        await runtime.start(living)

        assert before == await runtime.inspect(living.instance.name)

    async def test_who_takes_little_takes_no_excess(
        self, runtime: Runtime, living: StartRequest
    ) -> None:
        """Neither does who was never started."""
        before = await runtime.excess(living.instance)

        await runtime.start(living)

        assert (None, None) == (before, await runtime.excess(living.instance))

    async def test_a_stopped_instance_is_dead(self, runtime: Runtime, living: StartRequest) -> None:
        """How it ended can be seen, and to stop it again is harmless."""
        await runtime.start(living)

        await runtime.stop(living.instance.name, grace=GRACE)
        await runtime.stop(living.instance.name, grace=GRACE)

        observed = await runtime.inspect(living.instance.name)
        assert observed is not None
        assert "SIGTERM" in (observed.exit or "")

    async def test_an_exit_is_told_in_words(self, runtime: Runtime, ending: StartRequest) -> None:
        """An instance that ends by itself is kept with how it ended."""
        await runtime.start(ending)

        assert "exited with code 3" == (await _dead(runtime, ending)).exit

    async def test_what_is_forgotten_is_gone(self, runtime: Runtime, living: StartRequest) -> None:
        """Dead instances can be forgotten, more than once; living ones cannot, nor swept away."""
        await runtime.start(living)
        await runtime.sweep()
        await runtime.sweep()
        with pytest.raises(ConflictError):
            await runtime.forget(living.instance.name)
        await runtime.stop(living.instance.name, grace=GRACE)

        await runtime.forget(living.instance.name)
        await runtime.forget(living.instance.name)

        assert await runtime.inspect(living.instance.name) is None
        assert [] == list(await runtime.instances())

    async def test_what_is_unknown_is_left_in_peace(self, runtime: Runtime) -> None:
        """To end or forget what never was is harmless."""
        await runtime.stop("unknown", grace=GRACE)
        await runtime.forget("unknown")

        assert await runtime.inspect("unknown") is None

    async def test_output_can_be_read_to_its_end(
        self, runtime: Runtime, ending: StartRequest
    ) -> None:
        """All that a dead instance printed is there, as often as it is asked for."""
        await runtime.start(ending)

        for _ in range(2):
            with fail_after(10):
                chunks = [chunk async for chunk in runtime.output(ending.instance.name)]

            assert b"Hello.\n" == b"".join(chunk.data for chunk in chunks)

    async def test_output_goes_on_where_it_was_read_last(
        self, runtime: Runtime, ending: StartRequest
    ) -> None:
        """Behind the last position there is nothing more."""
        await runtime.start(ending)
        *_, last = [chunk async for chunk in runtime.output(ending.instance.name)]

        rest = runtime.output(ending.instance.name, after=last.position)

        assert [] == [chunk async for chunk in rest]

    async def test_output_that_is_not_followed_ends_with_what_is_there(
        self, runtime: Runtime, living: StartRequest
    ) -> None:
        """Who only wants to catch up does not wait for an instance that lives."""
        name, said = living.instance.name, b""
        await runtime.start(living)

        with fail_after(10):
            while said != b"Hello.\n":
                chunks = [chunk async for chunk in runtime.output(name, follow=False)]
                said = b"".join(chunk.data for chunk in chunks)
            rest = runtime.output(name, after=chunks[-1].position, follow=False)

            assert [] == [chunk async for chunk in rest]

    async def test_a_release_command_runs_to_its_end(
        self, runtime: Runtime, releasing: StartRequest
    ) -> None:
        """Its output comes as it is printed, and no instance is left of it."""
        told = Told()

        exit_ = await runtime.run_once(releasing, timeout=GRACE, on_output=told.on_output)

        assert exit_.succeeded
        assert b"Hello.\n" == told.output
        assert [] == list(await runtime.instances())

    async def test_a_command_belongs_to_who_waits_for_it(
        self, runtime: Runtime, releasing: StartRequest
    ) -> None:
        """It is no instance that others might end, and it ends when nobody waits any more."""
        seen: list[ObservedInstance] = []

        async def look_and_leave(_: OutputChunk) -> None:
            seen.extend(await runtime.instances())
            waiting.cancel()

        with CancelScope() as waiting:
            await runtime.run_once(releasing, timeout=None, on_output=look_and_leave)
            await sleep_forever()

        assert waiting.cancelled_caught
        assert [] == seen
        assert await runtime.inspect(releasing.instance.name) is None


async def _dead(runtime: Runtime, request: StartRequest) -> ObservedInstance:
    with fail_after(10):
        while (seen := await runtime.inspect(request.instance.name)) is None or seen.is_alive:
            await checkpoint()
    return seen
