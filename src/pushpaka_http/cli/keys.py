"""`pushpaka keys`: the keys that stored secrets are encrypted with."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.domain.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.settings import Settings
from pushpaka_http.cli.client.options import json_option
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.numbers import counted

if TYPE_CHECKING:
    from pushpaka_core.key_maintenance import KeyUse, Pruned, Rotated

_BY_HAND = (
    "PUSHPAKA_ENCRYPTION_KEYS is set, so that the keys are yours to change. To rotate: append a "
    "new key to it and restart every process of the instance; put that key first and restart "
    "them again; then run `pushpaka keys rotate`."
)
_ENVIRONMENTS = (
    "An environment is what one deployment was made with, and cannot be set anew: where that "
    "deployment is live, deploy its project again. Nobody can roll back to it without its key, and "
    "nothing else needs it; it goes with its project."
)


@click.group("keys")
def command() -> None:
    """List and exchange the keys that encrypt secrets, also while a serve runs."""


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """
    List the keys, the current one first.

    Each is told with how many secrets it has encrypted.
    """
    from pushpaka_core.key_maintenance import list_keys

    uses, now = anyio.run(list_keys, Settings.from_environ()), datetime.now(UTC)
    Output(is_json=is_json).result({"data": uses}, *(_line(use, now) for use in uses))


@command.command()
def rotate() -> None:
    """
    Make a new key, and encrypt all secrets with it.

    One that was broken off is completed, with the key that it had made. It takes 20 seconds
    at least, until whatever was begun under the older key is over. Older keys are kept:
    exports and backups may need them.
    """
    from pushpaka_core.key_maintenance import rotate_keys

    rotated = anyio.run(rotate_keys, Settings.from_environ())
    click.echo(_made(rotated))
    click.echo(f"{counted(rotated.reencrypted, 'secret')} encrypted anew by {rotated.current_key}.")
    if rotated.unreadable:
        click.echo(_unreadable(rotated.unreadable), err=True)
        sys.exit(1)


@command.command()
def prune() -> None:
    """
    Remove the older keys.

    None goes while a secret is encrypted with one of them. Exports and backups that were made
    before the rotation cannot be read without them.
    """
    from pushpaka_core.key_maintenance import prune_keys

    click.echo(_pruned(anyio.run(prune_keys, Settings.from_environ())))


def _line(use: "KeyUse", now: datetime) -> str:
    age = "age unknown" if use.made_at is None else _age(use.made_at, now)
    return f"{use.id}  {_state(use):8}  {age:12}  {counted(use.secrets, 'secret')}"


def _state(use: "KeyUse") -> str:
    if use.is_current:
        return "current"
    return "older" if use.is_here else "missing!"


def _age(made_at: datetime, now: datetime) -> str:
    seconds = max(0, int((now - made_at).total_seconds()))
    units = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next((u, s) for u, s in units if seconds >= s or s == 1)
    return counted(seconds // size, unit)


def _made(rotated: "Rotated") -> str:
    if rotated.is_new:
        return f"{rotated.current_key} is the current key now."
    if rotated.is_given:
        return f"No new key was made. {_BY_HAND}"
    return (
        f"No new key was made: secrets were still to be encrypted by {rotated.current_key}, "
        "which an earlier rotation has made."
    )


def _unreadable(secrets: Sequence[StoredSecret]) -> str:
    told = ", ".join(f"the {secret.kind} of {secret.id}" for secret in secrets)
    sentences = [
        f"No key opens {told}.",
        "Bring the missing keys back and rotate again, or set these secrets anew.",
    ]
    if any(secret.kind is SecretKind.ENVIRONMENT for secret in secrets):
        sentences.append(_ENVIRONMENTS)
    return " ".join(sentences)


def _pruned(pruned: "Pruned") -> str:
    ids = ", ".join(pruned.key_ids)
    if not ids:
        return "There is no key but the current one. Nothing was removed."
    if pruned.is_given:
        return f"No secret needs {ids}. Take them out of PUSHPAKA_ENCRYPTION_KEYS."
    return f"Removed {ids}, which no secret needs."
