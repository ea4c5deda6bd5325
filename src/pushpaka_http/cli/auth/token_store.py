"""
Stores tokens in the keyring of the desktop if there is one, otherwise in the context file.

Keyring backends raise errors of D-Bus and of other libraries besides those of `keyring`, so every
exception is suppressed.
"""

from contextlib import suppress
from importlib import import_module
from typing import Protocol, cast

from attrs import evolve

from pushpaka_http.cli.auth.context_file import Context
from pushpaka_http.cli.ui.failures import NotSignedInError

_SERVICE = "pushpaka"
_MIN_PRIORITY = 1
"""The lowest priority of a working `keyring` backend. The backend that always fails has 0."""


class _Keyring(Protocol):
    """The functions of the library `keyring` that are used here."""

    def get_password(self, service: str, name: str, /) -> str | None: ...

    def set_password(self, service: str, name: str, password: str, /) -> None: ...

    def delete_password(self, service: str, name: str, /) -> None: ...


def store_token(name: str, context: Context, token: str) -> Context:
    """
    Store *token* in the keyring, or in the returned context if there is no usable keyring.

    Returns:
        *context*, with the token or with a mark that the keyring has it.
    """
    keyring = _usable_keyring()
    if keyring is not None:
        with suppress(Exception):
            keyring.set_password(_SERVICE, _entry(name, context), token)
            return evolve(context, token=None, is_in_keyring=True)
    return evolve(context, token=token, is_in_keyring=False)


def load_token(name: str, context: Context) -> str | None:
    """
    Return the token of *context* from the keyring or the file, or None if it has none.

    Raises:
        NotSignedInError: If the token is in a keyring that does not return it.
    """
    if not context.is_in_keyring:
        return context.token
    keyring = _usable_keyring()
    if keyring is not None:
        with suppress(Exception):
            if token := keyring.get_password(_SERVICE, _entry(name, context)):
                return token
    raise NotSignedInError(
        f'The keyring did not return the token of the context "{name}". '
        "Unlock the keyring, or run: pushpaka login"
    )


def delete_token(name: str, context: Context) -> Context:
    """Return *context* without a token. The token is deleted from the keyring as well."""
    keyring = _usable_keyring() if context.is_in_keyring else None
    if keyring is not None:
        with suppress(Exception):
            keyring.delete_password(_SERVICE, _entry(name, context))
    return evolve(context, token=None, is_in_keyring=False, token_id=None)


def _usable_keyring() -> _Keyring | None:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return None
    with suppress(Exception):
        if keyring.get_keyring().priority >= _MIN_PRIORITY:
            return cast("_Keyring", keyring)
    return None


def _entry(name: str, context: Context) -> str:
    return f"{name} at {context.url}"
