"""
Contract tests for the `Builder` port.

Derive a test class from `BuilderContract` in a module with these fixtures:

- `builder`: a builder without artifacts, which prints "Hello." when it builds HELLO;
- `failing_builder`: a builder that prints "Oh no." and fails when it builds OH_NO;
- `hanging_builder`: a builder that prints "Wait." and never finishes when it builds SLOW.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from pushpaka_core.errors import BuildError, BuildTimeoutError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.testing.applications import (
    PROJECT_NUMBER,
    BuildRecorder,
    build,
    checkout,
    new_lease,
    plan,
    step,
)

HELLO = plan(build=(step("echo Hello."),))
OH_NO = plan(build=(step("echo Oh no.; exit 3"),))
SLOW = plan(build=(step("echo Wait.; sleep 60"),))


class BuilderContract:
    """Tests that every adapter of the `Builder` port must pass."""

    async def test_a_build_leaves_an_artifact(self, builder: Builder, tmp_path: Path) -> None:
        """The artifact has a digest and is listed with the lease of its build."""
        lease = new_lease()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        artifact = await build(builder, source, HELLO, lease=lease)

        assert artifact.digest
        assert await builder.exists(artifact.name)
        assert {artifact.name: lease} == await builder.artifacts()

    async def test_a_build_reports_progress(self, builder: Builder, tmp_path: Path) -> None:
        """A build reports progress messages, and relays the output of commands unchanged."""
        build_recorder = BuildRecorder()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        await build(builder, source, HELLO, recorder=build_recorder)

        assert build_recorder.messages
        assert b"Hello.\n" == build_recorder.output

    async def test_a_removed_artifact_is_gone(self, builder: Builder, tmp_path: Path) -> None:
        """A removed artifact is neither found nor listed, and removing it again has no effect."""
        source = await checkout(tmp_path / "source", {"main.sh": ""})
        artifact = await build(builder, source, HELLO)

        await builder.remove(artifact.name)
        await builder.remove(artifact.name)

        assert not await builder.exists(artifact.name)
        assert {} == await builder.artifacts()

    async def test_a_forgotten_project_can_be_built_again(
        self, builder: Builder, tmp_path: Path
    ) -> None:
        """
        A build succeeds after the build cache of its project was removed, and removing the cache
        again has no effect.
        """
        for attempt in ("one", "two"):
            source = await checkout(tmp_path / attempt, {"main.sh": ""})
            artifact = await build(builder, source, HELLO)

            await builder.remove_cache(PROJECT_NUMBER)
            await builder.remove_cache(PROJECT_NUMBER)

            assert await builder.exists(artifact.name)

    async def test_second_build_replaces_the_first(self, builder: Builder, tmp_path: Path) -> None:
        """A second build with the same lease replaces the artifact of the first."""
        lease = new_lease()
        for attempt in ("one", "two"):
            source = await checkout(tmp_path / attempt, {"main.sh": ""})
            artifact = await build(builder, source, HELLO, lease=lease)

        assert {artifact.name: lease} == await builder.artifacts()

    async def test_a_failed_build_leaves_only_its_output(
        self, failing_builder: Builder, tmp_path: Path
    ) -> None:
        """The error contains the exit code, and no artifact is left."""
        build_recorder = BuildRecorder()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        with pytest.raises(BuildError, match="exited with code 3"):
            await build(failing_builder, source, OH_NO, recorder=build_recorder)

        assert b"Oh no.\n" == build_recorder.output
        assert {} == await failing_builder.artifacts()

    async def test_a_build_that_takes_too_long_is_ended(
        self, hanging_builder: Builder, tmp_path: Path
    ) -> None:
        """A timeout raises BuildTimeoutError, and no artifact is left."""
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        with pytest.raises(BuildTimeoutError, match="longer than"):
            await build(hanging_builder, source, SLOW, timeout=timedelta(seconds=0.5))

        assert {} == await hanging_builder.artifacts()

    async def test_a_canceled_build_leaves_nothing(
        self, hanging_builder: Builder, tmp_path: Path
    ) -> None:
        """Canceling stops the build immediately and leaves no artifact."""
        build_recorder = BuildRecorder()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        async def start_build() -> None:
            await build(hanging_builder, source, SLOW, recorder=build_recorder)

        with fail_after(20):
            async with create_task_group() as tasks:
                tasks.start_soon(start_build)
                while b"Wait.\n" != build_recorder.output:
                    await checkpoint()
                tasks.cancel_scope.cancel()

        assert {} == await hanging_builder.artifacts()
