"""The command `pushpaka keys`: manage the keys that encrypt stored secrets."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.domain.platform.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.commands.options import json_option
from pushpaka_http.cli.ui.counts import pluralized
from pushpaka_http.cli.ui.moments import format_age
from pushpaka_http.cli.ui.output import Output

if TYPE_CHECKING:
    from pushpaka_core.maintenance.keys import KeyUsage, PruneResult, RotationResult

_MANUAL_ROTATION = (
    "PUSHPAKA_ENCRYPTION_KEYS is set, so rotate the keys there: append a new key and restart every "
    "process of the instance, then move that key to the front and restart them again, then run "
    "`pushpaka keys rotate`."
)
_ENVIRONMENT_ADVICE = (
    "The environment of a deployment cannot be set again. If the deployment is active, deploy its "
    "project again; otherwise you can no longer roll back to it. It is deleted with its project."
)


@click.group("keys")
def command() -> None:
    """
    Manage the keys that encrypt secrets.

    All commands can be run while `pushpaka serve` is running.
    """


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """
    List the keys, the current key first.

    Each key is shown with the number of secrets that it encrypts.
    """
    from pushpaka_core.maintenance.keys import list_keys

    uses, now = anyio.run(list_keys, Settings.from_environ()), datetime.now(UTC)
    Output(is_json=is_json).result({"data": uses}, *(_line(use, now) for use in uses))


@command.command()
def rotate() -> None:
    """
    Create a new key, and encrypt all secrets with it.

    If a rotation was interrupted, the command completes it with the key that was already created. A
    rotation takes at least 20 seconds, so that requests and deployments that still use the old key
    can finish. Old keys are kept, because exports and backups may need them.
    """
    from pushpaka_core.maintenance.keys import rotate_keys

    rotated = anyio.run(rotate_keys, Settings.from_environ())
    click.echo(_rotation_summary(rotated))
    click.echo(f"Encrypted {pluralized(rotated.reencrypted, 'secret')} with {rotated.current_key}.")
    if rotated.unreadable:
        click.echo(_unreadable_message(rotated.unreadable), err=True)
        sys.exit(1)


@command.command()
def prune() -> None:
    """
    Remove old keys.

    No key is removed while an old key still encrypts a secret. Without the removed keys,
    exports and backups from before the rotation cannot be read.
    """
    from pushpaka_core.maintenance.keys import prune_keys

    click.echo(_prune_summary(anyio.run(prune_keys, Settings.from_environ())))


def _line(usage: "KeyUsage", now: datetime) -> str:
    age = "age unknown" if usage.made_at is None else format_age(usage.made_at, now)
    return f"{usage.id}  {_state(usage):8}  {age:12}  {pluralized(usage.secrets, 'secret')}"


def _state(usage: "KeyUsage") -> str:
    if usage.is_current:
        return "current"
    return "old" if usage.is_here else "missing"


def _rotation_summary(result: "RotationResult") -> str:
    if result.is_new:
        return f"Created {result.current_key}, which is now the current key."
    if result.is_given:
        return f"No key was created. {_MANUAL_ROTATION}"
    return (
        f"No key was created. An earlier rotation to {result.current_key} was interrupted, and is "
        "now complete."
    )


def _unreadable_message(unreadable_secrets: Sequence[StoredSecret]) -> str:
    names = ", ".join(f"the {secret.kind} of {secret.id}" for secret in unreadable_secrets)
    sentences = [
        f"No key can decrypt {names}.",
        "Restore the missing keys and rotate again, or set these secrets again.",
    ]
    if any(secret.kind is SecretKind.ENVIRONMENT for secret in unreadable_secrets):
        sentences.append(_ENVIRONMENT_ADVICE)
    return " ".join(sentences)


def _prune_summary(result: "PruneResult") -> str:
    ids = ", ".join(result.key_ids)
    if not ids:
        return "There are no old keys. Nothing was removed."
    if result.is_given:
        return f"No secret needs these keys: {ids}. Remove them from PUSHPAKA_ENCRYPTION_KEYS."
    return f"Removed {ids}, which no secret needs."
