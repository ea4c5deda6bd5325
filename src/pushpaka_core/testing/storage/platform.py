"""Contract tests of encrypted secrets and statistics."""

from datetime import UTC, date, datetime, timedelta

from attrs import evolve

from pushpaka_core.domain.deployments.deployments import DeploymentKind
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.platform.activity import DurationPercentiles, QueueLength
from pushpaka_core.domain.platform.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.integrations import a_channel, a_webhook
from pushpaka_core.testing.objects.projects import (
    a_deploy_key,
    a_project,
    an_env_var,
    an_environment,
)
from pushpaka_core.testing.objects.values import a_secret, later
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.stored_objects import store, store_project

_NEW = Encrypted(key_id="new", ciphertext=b"sealed anew")

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


class SecretsContract:
    """Contract tests of the `Secrets` port."""

    async def test_secrets_are_counted_by_key(self, storage: Storage) -> None:
        """Secrets of all kinds are counted. Rows without a secret are not."""
        await _store_each_kind_of_secret(storage)
        await store(storage, a_user(), an_env_var(await store_project(storage), secret=_NEW))

        async with storage.snapshot() as uow:
            counted = await uow.secrets.count_by_key()

        assert {"k1": len(SecretKind), "new": 1} == dict(counted)

    async def test_secrets_of_each_kind_can_be_replaced(self, storage: Storage) -> None:
        """Each secret is returned with its context, and replaced in its row."""
        await _store_each_kind_of_secret(storage)
        contexts = set()

        for kind in SecretKind:
            async with storage.transaction() as uow:
                (secret,) = await uow.secrets.list_not_encrypted_with(
                    "new", kind=kind, after=None, limit=5
                )
                await uow.secrets.replace((secret, _NEW))
            contexts.add(secret.context)

        async with storage.snapshot() as uow:
            assert {"new": len(SecretKind)} == dict(await uow.secrets.count_by_key())
            assert [] == [
                secret
                for kind in SecretKind
                for secret in await uow.secrets.list_not_encrypted_with(
                    "new", kind=kind, after=None, limit=5
                )
            ]
        assert len(SecretKind) == len(contexts)

    async def test_secrets_are_paged(self, storage: Storage) -> None:
        """
        Each page starts after a given id, in the order of ids. Secrets under the new key are
        omitted.
        """
        project = await store_project(storage)
        env_vars = [an_env_var(project, key=f"K{number}") for number in range(4)]
        env_vars[1] = evolve(env_vars[1], secret=_NEW)
        await store(storage, *env_vars)
        kind = SecretKind.ENV_VAR

        async with storage.snapshot() as uow:
            first = await uow.secrets.list_not_encrypted_with("new", kind=kind, after=None, limit=2)
            second = await uow.secrets.list_not_encrypted_with(
                "new", kind=kind, after=first[-1].id, limit=2
            )

        assert [env_vars[0].id, env_vars[2].id] == [secret.id for secret in first]
        assert [env_vars[3].id] == [secret.id for secret in second]

    async def test_a_changed_secret_is_not_replaced(self, storage: Storage) -> None:
        """A secret that was changed in the meantime is kept."""
        env_var = an_env_var(await store_project(storage))
        await store(storage, env_var)
        seen = StoredSecret.of(SecretKind.ENV_VAR, env_var)
        assert seen is not None
        changed = evolve(env_var, secret=a_secret("changed"))
        await store(storage, changed)

        async with storage.transaction() as uow:
            await uow.secrets.replace((seen, _NEW))

        async with storage.snapshot() as uow:
            left = await uow.secrets.list_not_encrypted_with(
                "new", kind=seen.kind, after=None, limit=5
            )
        assert [changed.secret] == [secret.encrypted for secret in left]


async def _store_each_kind_of_secret(storage: Storage) -> None:
    owner = a_user()
    project = a_project(owner, git_token=a_secret(), registry_credentials=a_secret())
    deployment = a_deployment(project)
    await store(
        storage,
        owner,
        project,
        a_volume(project, server_password=a_secret()),
        deployment,
        an_env_var(project),
        an_environment(deployment),
        a_deploy_key(project),
        a_webhook(project),
        a_channel(project, secret=a_secret()),
    )


class DeploymentStatisticsContract:
    """Contract tests of the `DeploymentStatistics` port."""

    async def test_the_queue_counts_waiting_and_running_deployments(self, storage: Storage) -> None:
        """All projects are counted, with the creation time of the oldest queued deployment."""
        for number, status in enumerate(DeploymentStatus):
            project = await store_project(storage)
            first = a_deployment(project, status=status, created_at=later(number))
            other = a_deployment(project, status=status, created_at=later(9), target="preview:next")
            await store(storage, other, first)

        async with storage.snapshot() as uow:
            assert (
                QueueLength(queued=2, in_progress=4, oldest_queued_at=later(0))
                == await uow.statistics.queue_length()
            )

    async def test_an_empty_queue_has_no_age(self, storage: Storage) -> None:
        """The creation time of the oldest deployment is None if nothing is queued."""
        async with storage.snapshot() as uow:
            assert (
                QueueLength(queued=0, in_progress=0, oldest_queued_at=None)
                == await uow.statistics.queue_length()
            )

    async def test_deployments_are_counted_by_day_in_utc(self, storage: Storage) -> None:
        """Days begin at midnight UTC, and earlier deployments are not counted."""
        project = await store_project(storage)
        times = {
            FIRST: [MIDNIGHT - timedelta(days=1), MIDNIGHT - MOMENT],
            SECOND: [MIDNIGHT, MIDNIGHT + timedelta(hours=23)],
        }
        since, failed = times[FIRST][0], DeploymentStatus.FAILED
        await store(storage, a_deployment(project, created_at=since - MOMENT))
        for each in (*times[FIRST], *times[SECOND]):
            await store(storage, a_deployment(project, status=failed, created_at=each))
        await store(storage, a_deployment(project, created_at=MIDNIGHT))

        async with storage.snapshot() as uow:
            assert {
                (FIRST, failed): 2,
                (SECOND, failed): 2,
                (SECOND, DeploymentStatus.QUEUED): 1,
            } == await uow.statistics.counts_by_day(since)

    async def test_durations_cover_only_successful_deployments(self, storage: Storage) -> None:
        """The median and the 95th percentile are durations of actual deployments of the day."""
        project = await store_project(storage)

        async def store_deployment_of(
            milliseconds: int, created_at: datetime, **more: object
        ) -> None:
            started = created_at + timedelta(seconds=5)
            finished = started + timedelta(milliseconds=milliseconds)
            fields = {"status": DeploymentStatus.STOPPED, **more}
            await store(
                storage,
                a_deployment(
                    project,
                    created_at=created_at,
                    started_at=started,
                    finished_at=finished,
                    **fields,
                ),
            )

        for milliseconds in range(40, 0, -1):
            await store_deployment_of(milliseconds * 1001, MIDNIGHT)
        await store_deployment_of(7, MIDNIGHT - MOMENT, status=DeploymentStatus.CRASHED)
        await store_deployment_of(8, MIDNIGHT - MOMENT, status=DeploymentStatus.RUNNING)
        await store_deployment_of(1, MIDNIGHT, status=DeploymentStatus.FAILED)
        await store_deployment_of(1, MIDNIGHT, kind=DeploymentKind.ROLLBACK)
        await store_deployment_of(1, MIDNIGHT - timedelta(days=2))

        async with storage.snapshot() as uow:
            assert {
                FIRST: _percentiles(7, 8),
                SECOND: _percentiles(20 * 1001, 38 * 1001),
            } == await uow.statistics.durations_by_day(MIDNIGHT - timedelta(days=1))


def _percentiles(median: int, p95: int) -> DurationPercentiles:
    return DurationPercentiles(
        median=timedelta(milliseconds=median), p95=timedelta(milliseconds=p95)
    )
