"""Contract tests of logs."""

from contextlib import suppress

import pytest

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter, LogLevel, LogStream
from pushpaka_core.errors import LeaseLostError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.deployments import a_log_entry
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store_deployment


class LogsContract:
    """Contract tests of the `Logs` port."""

    async def test_lines_are_numbered_without_a_gap(self, storage: Storage) -> None:
        """Numbering continues across batches, separately for each deployment."""
        one, other = await store_deployment(storage), await store_deployment(storage)

        async with storage.transaction() as uow:
            await uow.logs.append(other.id, [a_log_entry()])
            first = await uow.logs.append(one.id, [a_log_entry("a"), a_log_entry("b")])
        async with storage.transaction() as uow:
            second = await uow.logs.append(one.id, [a_log_entry("c")])

        assert [1, 2, 3] == [line.seq for line in (*first, *second)]
        async with storage.snapshot() as uow:
            assert [*first, *second] == list(await uow.logs.lines(one, LogFilter()))

    async def test_a_rolled_back_batch_leaves_no_gap(self, storage: Storage) -> None:
        """Numbers that were not committed are used again."""
        deployment = await store_deployment(storage)
        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.logs.append(deployment.id, [a_log_entry("lost")])
                raise ZeroDivisionError

        async with storage.transaction() as uow:
            lines = await uow.logs.append(deployment.id, [a_log_entry("kept")])

        assert [1] == [line.seq for line in lines]

    async def test_an_empty_batch_writes_nothing(self, storage: Storage) -> None:
        """An empty batch is not an error."""
        deployment = await store_deployment(storage)

        async with storage.transaction() as uow:
            assert [] == list(await uow.logs.append(deployment.id, []))

    async def test_lines_can_be_filtered(self, storage: Storage) -> None:
        """Lines can be filtered by stream, level and case-insensitive text, alone and together."""
        deployment = await store_deployment(storage)
        entries = [
            a_log_entry("Größe: 100%", stream=LogStream.STDOUT),
            a_log_entry("GRÖSSE: 100%", stream=LogStream.STDERR, level=LogLevel.ERROR),
            a_log_entry("größe: 1000", stream=LogStream.STDERR, created_at=later(0.25)),
        ]
        async with storage.transaction() as uow:
            one, two, three = await uow.logs.append(deployment.id, entries)

        async with storage.snapshot() as uow:

            async def found(**fields: object) -> list[object]:
                return list(await uow.logs.lines(deployment, LogFilter(**fields)))  # type: ignore[arg-type]  # filters have different types

            assert [one, two, three] == await found()
            assert [two, three] == await found(stream=LogStream.STDERR)
            assert [two] == await found(level=LogLevel.ERROR)
            assert [one, three] == await found(contains="GRÖßE")
            assert [one, two] == await found(contains="100%")
            assert [] == await found(contains="1_0")
            assert [] == await found(contains="1\x00")
            assert [three] == await found(contains="größe", stream=LogStream.STDERR)

    async def test_lines_can_be_read_in_parts(self, storage: Storage) -> None:
        """A filter can select a limited number of lines after a given sequence number."""
        deployment = await store_deployment(storage)
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, [a_log_entry() for _ in range(5)]))

        async with storage.snapshot() as uow:
            first = await uow.logs.lines(deployment, LogFilter(limit=2))
            then = await uow.logs.lines(deployment, LogFilter(after=2, limit=2))
            rest = await uow.logs.lines(deployment, LogFilter(after=4))

        assert (lines[:2], lines[2:4], lines[4:]) == (list(first), list(then), list(rest))

    async def test_lines_can_be_read_up_to_a_number_of_characters(self, storage: Storage) -> None:
        """At least one line is returned, even if it exceeds the limit."""
        deployment = await store_deployment(storage)
        entries = [a_log_entry("ä" * length) for length in (3, 2, 9, 1)]
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, entries))

        async with storage.snapshot() as uow:
            first = await uow.logs.lines(deployment, LogFilter(max_characters=5))
            large = await uow.logs.lines(deployment, LogFilter(after=2, max_characters=5))
            few = await uow.logs.lines(deployment, LogFilter(limit=1, max_characters=5))
            none = await uow.logs.lines(deployment, LogFilter(after=4, max_characters=5))

        assert (lines[:2], lines[2:3], lines[:1], []) == (
            list(first),
            list(large),
            list(few),
            list(none),
        )

    async def test_oldest_lines_of_a_long_log_are_removed(self, storage: Storage) -> None:
        """The remaining lines keep their numbers, and numbering continues."""
        deployment, other = await store_deployment(storage), await store_deployment(storage)
        async with storage.transaction() as uow:
            lines = list(await uow.logs.append(deployment.id, [a_log_entry("ä" * 9)] * 5))
            await uow.logs.append(other.id, [a_log_entry()])

        async with storage.transaction() as uow:
            excess = await uow.logs.last_excess_seq(deployment.id, max_characters=29)
            removed = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            again = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            none = await uow.logs.remove(deployment.id, up_to=excess, limit=2)
            lines += await uow.logs.append(deployment.id, [a_log_entry("new")])

        assert (3, 2, 1, 0) == (excess, removed, again, none)
        async with storage.snapshot() as uow:
            assert lines[3:] == list(await uow.logs.lines(deployment, LogFilter()))
            assert lines[3:] == list(await uow.logs.lines(deployment, LogFilter(after=1)))
            assert lines[5:] == list(await uow.logs.lines(deployment, LogFilter(after=5)))
            assert 1 == len(await uow.logs.lines(other, LogFilter()))

    async def test_a_log_that_fits_has_no_excess(self, storage: Storage) -> None:
        """A log with exactly the maximum size has no excess, and neither has an empty log."""
        deployment = await store_deployment(storage)
        async with storage.transaction() as uow:
            empty = await uow.logs.last_excess_seq(deployment.id, max_characters=30)
            await uow.logs.append(deployment.id, [a_log_entry("x" * 9)] * 3)

        async with storage.snapshot() as uow:
            full = await uow.logs.last_excess_seq(deployment.id, max_characters=30)

        assert (0, 0) == (empty, full)

    async def test_all_lines_of_a_log_can_be_removed(self, storage: Storage) -> None:
        """Removing the lines again has no effect, and numbers are not reused."""
        deployment = await store_deployment(storage)
        async with storage.transaction() as uow:
            await uow.logs.append(deployment.id, [a_log_entry(), a_log_entry()])

        async with storage.transaction() as uow:
            removed = await uow.logs.remove(deployment.id, limit=10)
            again = await uow.logs.remove(deployment.id, limit=10)
            (line,) = await uow.logs.append(deployment.id, [a_log_entry()])

        assert (2, 0, 3) == (removed, again, line.seq)

    async def test_a_lease_holder_can_write_lines(self, storage: Storage) -> None:
        """Lines that are written under the current lease are stored."""
        held = await self._claimed_deployment(storage)

        async with storage.transaction() as uow:
            lines = await uow.logs.append(held.id, [a_log_entry()], fence=held.fence)

        assert 1 == len(lines)

    async def test_a_worker_that_lost_its_lease_writes_nothing(self, storage: Storage) -> None:
        """Writing with an older fence raises LeaseLostError, even without lines."""
        held = await self._claimed_deployment(storage)

        for entries in ([a_log_entry()], []):
            with pytest.raises(LeaseLostError):
                async with storage.transaction() as uow:
                    await uow.logs.append(held.id, entries, fence=held.fence - 1)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.logs.lines(held, LogFilter()))

    async def test_the_worker_of_a_final_deployment_writes_nothing(self, storage: Storage) -> None:
        """Writing with the last fence of the deployment raises LeaseLostError."""
        held = await self._claimed_deployment(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(held.fail("It broke.", now=later(2)))

        with pytest.raises(LeaseLostError):
            async with storage.transaction() as uow:
                await uow.logs.append(held.id, [a_log_entry()], fence=held.fence)

    async def test_lines_do_not_make_the_deployment_stale(self, storage: Storage) -> None:
        """Appending lines between a read and an update causes no conflict."""
        held = await self._claimed_deployment(storage)
        async with storage.transaction() as uow:
            await uow.logs.append(held.id, [a_log_entry()])

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(held.enter(Phase.BUILD, now=later(2)))

        assert 1 == kept.last_seq

    async def test_the_log_of_an_unknown_deployment_is_not_found(self, storage: Storage) -> None:
        """Appending to a deployment that does not exist raises NotFoundError."""
        with pytest.raises(NotFoundError, match="deployment"):
            async with storage.transaction() as uow:
                await uow.logs.append(DeploymentId(an_id()), [a_log_entry()])

    async def _claimed_deployment(self, storage: Storage) -> Deployment:
        await store_deployment(storage)
        async with storage.transaction() as uow:
            held = await uow.deployments.claim("worker-1", now=later(1))
        assert held is not None
        return held
