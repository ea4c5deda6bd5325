"""
What every builder must do, as tests.

Derive a test class from `BuilderContract` in a module whose fixtures are

- `builder`: a builder that has built nothing yet, and builds HELLO by printing "Hello.";
- `failing_builder`: one that fails at OH_NO, behind the output "Oh no.";
- `hanging_builder`: one that comes to no end with SLOW, behind the output "Wait.".
"""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.testing.applications import (
    NUMBER,
    Told,
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
    """The promises of the port `Builder`; each holds for every adapter."""

    async def test_a_build_leaves_an_artifact(self, builder: Builder, tmp_path: Path) -> None:
        """It can be started, has a digest, and is known with the lease under which it was built."""
        lease = new_lease()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        artifact = await build(builder, source, HELLO, lease=lease)

        assert artifact.digest
        assert await builder.exists(artifact.name)
        assert {artifact.name: lease} == await builder.artifacts()

    async def test_a_build_is_told_of(self, builder: Builder, tmp_path: Path) -> None:
        """What is done comes in sentences, what is printed as it is."""
        told = Told()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        await build(builder, source, HELLO, told=told)

        assert told.sentences
        assert b"Hello.\n" == told.output

    async def test_a_removed_artifact_is_gone(self, builder: Builder, tmp_path: Path) -> None:
        """To remove it twice, or what never was, is harmless."""
        source = await checkout(tmp_path / "source", {"main.sh": ""})
        artifact = await build(builder, source, HELLO)

        await builder.remove(artifact.name)
        await builder.remove(artifact.name)

        assert not await builder.exists(artifact.name)
        assert {} == await builder.artifacts()

    async def test_a_forgotten_project_can_be_built_again(
        self, builder: Builder, tmp_path: Path
    ) -> None:
        """What is kept only makes builds quick; to forget it twice is harmless."""
        for attempt in ("one", "two"):
            source = await checkout(tmp_path / attempt, {"main.sh": ""})
            artifact = await build(builder, source, HELLO)

            await builder.forget(NUMBER)
            await builder.forget(NUMBER)

            assert await builder.exists(artifact.name)

    async def test_building_again_begins_anew(self, builder: Builder, tmp_path: Path) -> None:
        """A second try under the same lease takes the place of the first."""
        lease = new_lease()
        for attempt in ("one", "two"):
            source = await checkout(tmp_path / attempt, {"main.sh": ""})
            artifact = await build(builder, source, HELLO, lease=lease)

        assert {artifact.name: lease} == await builder.artifacts()

    async def test_a_failed_build_leaves_its_output_only(
        self, failing_builder: Builder, tmp_path: Path
    ) -> None:
        """The error says how it ended, and no artifact is there."""
        told = Told()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        with pytest.raises(BuildError, match="exited with code 3"):
            await build(failing_builder, source, OH_NO, told=told)

        assert b"Oh no.\n" == told.output
        assert {} == await failing_builder.artifacts()

    async def test_a_build_that_takes_too_long_is_ended(
        self, hanging_builder: Builder, tmp_path: Path
    ) -> None:
        """That is an error of the build, and leaves nothing."""
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        with pytest.raises(BuildError, match="longer than"):
            await build(hanging_builder, source, SLOW, timeout=timedelta(seconds=0.5))

        assert {} == await hanging_builder.artifacts()

    async def test_a_cancelled_build_leaves_nothing(
        self, hanging_builder: Builder, tmp_path: Path
    ) -> None:
        """Whoever gives up gets control back at once."""
        told = Told()
        source = await checkout(tmp_path / "source", {"main.sh": ""})

        async def build_in_vain() -> None:
            await build(hanging_builder, source, SLOW, told=told)

        with fail_after(20):
            async with create_task_group() as tasks:
                tasks.start_soon(build_in_vain)
                while b"Wait.\n" != told.output:
                    await checkpoint()
                tasks.cancel_scope.cancel()

        assert {} == await hanging_builder.artifacts()
