"""What every storage must do with logs, as tests."""

from contextlib import suppress

import pytest

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.logs import LogFilter, LogLevel, LogStream
from pushpaka_core.errors import LeaseLostError, NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep_deployment
from pushpaka_core.testing.objects import (
    an_entry,
    an_id,
    later,
)


class LogsContract:
    """The promises of the port `Logs`."""

    async def test_lines_are_numbered_without_a_gap(self, storage: Storage) -> None:
        """The numbers go on over batches, and each deployment has its own."""
        one, other = await keep_deployment(storage), await keep_deployment(storage)

        async with storage.transaction() as uow:
            await uow.logs.append(other.id, [an_entry()])
            first = await uow.logs.append(one.id, [an_entry("a"), an_entry("b")])
        async with storage.transaction() as uow:
            second = await uow.logs.append(one.id, [an_entry("c")])

        assert [1, 2, 3] == [line.seq for line in (*first, *second)]
        async with storage.snapshot() as uow:
            assert [*first, *second] == list(await uow.logs.lines(one, LogFilter()))

    async def test_a_rolled_back_batch_leaves_no_gap(self, storage: Storage) -> None:
        """Numbers that were not committed are given again."""
        deployment = await keep_deployment(storage)
        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.logs.append(deployment.id, [an_entry("lost")])
                raise ZeroDivisionError

        async with storage.transaction() as uow:
            lines = await uow.logs.append(deployment.id, [an_entry("kept")])

        assert [1] == [line.seq for line in lines]

    async def test_an_empty_batch_writes_nothing(self, storage: Storage) -> None:
        """Nothing to say is not an error."""
        deployment = await keep_deployment(storage)

        async with storage.transaction() as uow:
            assert [] == list(await uow.logs.append(deployment.id, []))

    async def test_lines_can_be_filtered(self, storage: Storage) -> None:
        """By stream, level, text in any case, and each of them at once."""
        deployment = await keep_deployment(storage)
        entries = [
            an_entry("Größe: 100%", stream=LogStream.STDOUT),
            an_entry("GRÖSSE: 100%", stream=LogStream.STDERR, level=LogLevel.ERROR),
            an_entry("größe: 1000", stream=LogStream.STDERR, created_at=later(0.25)),
        ]
        async with storage.transaction() as uow:
            one, two, three = await uow.logs.append(deployment.id, entries)

        async with storage.snapshot() as uow:

            async def found(**wanted: object) -> list[object]:
                return list(await uow.logs.lines(deployment, LogFilter(**wanted)))  # type: ignore[arg-type]  # one helper for filters of all types

            assert [one, two, three] == await found()
            assert [two, three] == await found(stream=LogStream.STDERR)
            assert [two] == await found(level=LogLevel.ERROR)
            assert [one, three] == await found(contains="GRÖßE")
            assert [one, two] == await found(contains="100%")
            assert [] == await found(contains="1_0")
            assert [] == await found(contains="1\x00")
            assert [three] == await found(contains="größe", stream=LogStream.STDERR)

    async def test_lines_can_be_read_in_parts(self, storage: Storage) -> None:
        """A reader resumes after the last number that it has seen."""
        deployment = await keep_deployment(storage)
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, [an_entry() for _ in range(5)]))

        async with storage.snapshot() as uow:
            first = await uow.logs.lines(deployment, LogFilter(limit=2))
            then = await uow.logs.lines(deployment, LogFilter(after=2, limit=2))
            rest = await uow.logs.lines(deployment, LogFilter(after=4))

        assert (lines[:2], lines[2:4], lines[4:]) == (list(first), list(then), list(rest))

    async def test_a_part_may_be_bounded_by_its_text(self, storage: Storage) -> None:
        """As many lines come as have so many characters, but one at least."""
        deployment = await keep_deployment(storage)
        entries = [an_entry("ä" * length) for length in (3, 2, 9, 1)]
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, entries))

        async with storage.snapshot() as uow:
            first = await uow.logs.lines(deployment, LogFilter(most_characters=5))
            large = await uow.logs.lines(deployment, LogFilter(after=2, most_characters=5))
            few = await uow.logs.lines(deployment, LogFilter(limit=1, most_characters=5))
            none = await uow.logs.lines(deployment, LogFilter(after=4, most_characters=5))

        assert (lines[:2], lines[2:3], lines[:1], []) == (
            list(first),
            list(large),
            list(few),
            list(none),
        )

    async def test_the_oldest_lines_go_where_a_log_is_too_long(self, storage: Storage) -> None:
        """What is left keeps its numbers, and numbering goes on."""
        deployment, other = await keep_deployment(storage), await keep_deployment(storage)
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, [an_entry("ä" * 9)] * 5))
            await uow.logs.append(other.id, [an_entry()])

        async with storage.transaction() as uow:
            excess = await uow.logs.excess(deployment.id, most_characters=29)
            removed = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            again = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            none = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            lines += await uow.logs.append(deployment.id, [an_entry("new")])

        assert (3, 2, 1, 0) == (excess, removed, again, none)
        async with storage.snapshot() as uow:
            assert lines[3:] == list(await uow.logs.lines(deployment, LogFilter()))
            assert lines[3:] == list(await uow.logs.lines(deployment, LogFilter(after=1)))
            assert lines[5:] == list(await uow.logs.lines(deployment, LogFilter(after=5)))
            assert 1 == len(await uow.logs.lines(other, LogFilter()))

    async def test_a_log_that_fits_has_no_excess(self, storage: Storage) -> None:
        """Exactly as much as is allowed is not too much, nor is nothing."""
        deployment = await keep_deployment(storage)
        async with storage.transaction() as uow:
            empty = await uow.logs.excess(deployment.id, most_characters=30)
            await uow.logs.append(deployment.id, [an_entry("x" * 9)] * 3)

        async with storage.snapshot() as uow:
            full = await uow.logs.excess(deployment.id, most_characters=30)

        assert (0, 0) == (empty, full)

    async def test_all_of_a_log_can_be_removed(self, storage: Storage) -> None:
        """It may be done twice, and the numbers that were given are not given again."""
        deployment = await keep_deployment(storage)
        async with storage.transaction() as uow:
            await uow.logs.append(deployment.id, [an_entry(), an_entry()])

        async with storage.transaction() as uow:
            removed = await uow.logs.remove(deployment.id, limit=10)
            again = await uow.logs.remove(deployment.id, limit=10)
            (line,) = await uow.logs.append(deployment.id, [an_entry()])

        assert (2, 0, 3) == (removed, again, line.seq)

    async def test_a_worker_that_holds_the_fence_writes(self, storage: Storage) -> None:
        """The lines of the present lease are kept."""
        held = await self._held(storage)

        async with storage.transaction() as uow:
            lines = await uow.logs.append(held.id, [an_entry()], fence=held.fence)

        assert 1 == len(lines)

    async def test_a_worker_that_lost_its_lease_writes_nothing(self, storage: Storage) -> None:
        """An older fence raises LeaseLostError, with and without lines."""
        held = await self._held(storage)

        for entries in ([an_entry()], []):
            with pytest.raises(LeaseLostError):
                async with storage.transaction() as uow:
                    await uow.logs.append(held.id, entries, fence=held.fence - 1)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.logs.lines(held, LogFilter()))

    async def test_a_worker_writes_nothing_once_the_work_is_over(self, storage: Storage) -> None:
        """Who holds the last fence of an ended deployment is too late."""
        held = await self._held(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(held.fail("It broke.", at=later(2)))

        with pytest.raises(LeaseLostError):
            async with storage.transaction() as uow:
                await uow.logs.append(held.id, [an_entry()], fence=held.fence)

    async def test_lines_do_not_make_the_deployment_stale(self, storage: Storage) -> None:
        """The log goes on between a deployment's read and its update."""
        held = await self._held(storage)
        async with storage.transaction() as uow:
            await uow.logs.append(held.id, [an_entry()])

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(held.enter(Phase.BUILD, at=later(2)))

        assert 1 == kept.last_seq

    async def test_the_log_of_an_unknown_deployment_is_not_found(self, storage: Storage) -> None:
        """Lines of a deployment that was removed meanwhile are refused."""
        with pytest.raises(NotFoundError, match="deployment"):
            async with storage.transaction() as uow:
                await uow.logs.append(DeploymentId(an_id()), [an_entry()])

    async def _held(self, storage: Storage) -> Deployment:
        await keep_deployment(storage)
        async with storage.transaction() as uow:
            held = await uow.deployments.claim("worker-1", at=later(1))
        assert held is not None
        return held
