"""What every storage must do with all that is encrypted, as tests."""

from attrs import evolve

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import (
    a_channel,
    a_deploy_key,
    a_deployment,
    a_project,
    a_secret,
    a_user,
    a_webhook,
    an_env_var,
    an_environment,
)

_NEW = Encrypted(key_id="new", ciphertext=b"sealed anew")


class SecretsContract:
    """The promises of the port `Secrets`."""

    async def test_secrets_are_counted_by_key(self, storage: Storage) -> None:
        """Those of every kind; who has none counts for nothing."""
        await _keep_each_kind(storage)
        await keep(storage, a_user(), an_env_var(await keep_project(storage), secret=_NEW))

        async with storage.snapshot() as uow:
            counted = await uow.secrets.count_by_key()

        assert {"k1": len(SecretKind), "new": 1} == dict(counted)

    async def test_secrets_of_each_kind_are_exchanged(self, storage: Storage) -> None:
        """Each is found where it is kept, with what it is bound to, and replaced there."""
        await _keep_each_kind(storage)
        contexts = set()

        for kind in SecretKind:
            async with storage.transaction() as uow:
                (secret,) = await uow.secrets.not_under("new", kind=kind, after=None, limit=5)
                await uow.secrets.replace((secret, _NEW))
            contexts.add(secret.context)

        async with storage.snapshot() as uow:
            assert {"new": len(SecretKind)} == dict(await uow.secrets.count_by_key())
            assert [] == [
                secret
                for kind in SecretKind
                for secret in await uow.secrets.not_under("new", kind=kind, after=None, limit=5)
            ]
        assert len(SecretKind) == len(contexts)

    async def test_secrets_come_in_parts(self, storage: Storage) -> None:
        """By id, behind the last one that was seen; those under the key itself are left out."""
        project = await keep_project(storage)
        env_vars = [an_env_var(project, key=f"K{number}") for number in range(4)]
        env_vars[1] = evolve(env_vars[1], secret=_NEW)
        await keep(storage, *env_vars)
        kind = SecretKind.ENV_VAR

        async with storage.snapshot() as uow:
            first = await uow.secrets.not_under("new", kind=kind, after=None, limit=2)
            second = await uow.secrets.not_under("new", kind=kind, after=first[-1].id, limit=2)

        assert [env_vars[0].id, env_vars[2].id] == [secret.id for secret in first]
        assert [env_vars[3].id] == [secret.id for secret in second]

    async def test_what_was_changed_meanwhile_is_not_replaced(self, storage: Storage) -> None:
        """A newer value stays, whoever has seen the one before."""
        env_var = an_env_var(await keep_project(storage))
        await keep(storage, env_var)
        seen = StoredSecret.of(SecretKind.ENV_VAR, env_var)
        assert seen is not None
        changed = evolve(env_var, secret=a_secret("changed"))
        await keep(storage, changed)

        async with storage.transaction() as uow:
            await uow.secrets.replace((seen, _NEW))

        async with storage.snapshot() as uow:
            left = await uow.secrets.not_under("new", kind=seen.kind, after=None, limit=5)
        assert [changed.secret] == [secret.encrypted for secret in left]


async def _keep_each_kind(storage: Storage) -> None:
    owner = a_user()
    project = a_project(owner, git_token=a_secret())
    deployment = a_deployment(project)
    await keep(
        storage,
        owner,
        project,
        deployment,
        an_env_var(project),
        an_environment(deployment),
        a_deploy_key(project),
        a_webhook(project),
        a_channel(project, secret=a_secret()),
    )
