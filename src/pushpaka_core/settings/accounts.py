"""Settings for registration, tokens and secret keys."""

from collections.abc import Mapping
from datetime import timedelta

from attrs import frozen

from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting


@frozen(kw_only=True, slots=False)
class AccessSettings:
    """Registration, tokens and secret keys."""

    registration: RegistrationPolicy | None = setting(
        values.one_of(RegistrationPolicy),
        "Who can register: `open` (anyone), `first` (the first user only) or `closed` (no one). "
        "Default: `open` for direct connections on loopback, else `first`.",
        default=None,
    )
    accept_unsandboxed: bool = setting(
        values.boolean,
        "`true` allows the process runtime to serve beyond loopback while registration is not "
        "closed. This runtime has no sandbox: every user can run programs on this host.",
        default=False,
    )
    secret_key: str | None = setting(
        values.secret,
        "Secret used to sign access tokens, at least 32 characters long. Default: a random secret, "
        "stored in the data directory; required in production.",
        default=None,
        repr=False,
    )
    encryption_keys: Mapping[str, bytes] | None = setting(
        values.key_ring,
        "Keys that encrypt stored secrets, as `<id>=<base64 of 32 bytes>` separated by commas, "
        "the current key first. Default: a random key, stored in the data directory; required in "
        "production.",
        default=None,
        repr=False,
    )
    token_lifetime: timedelta = setting(
        lambda text: timedelta(hours=values.integer(1, 2160)(text)),
        "Lifetime of access tokens, in hours, from 1 to 2160.",
        default=timedelta(hours=24),
    )
