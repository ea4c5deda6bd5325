"""Who may have an account, and by which secrets accounts are kept."""

from collections.abc import Mapping
from datetime import timedelta

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class AccessSettings:
    """Registration, and the secrets of the instance."""

    registration: RegistrationPolicy | None = setting(
        setting_values.one_of(RegistrationPolicy),
        "`open`, `first` (closes after the first account) or `closed`; "
        "open on loopback, else first",
        default=None,
    )
    accept_unsandboxed: bool = setting(
        setting_values.flag,
        "`true` lets the process runtime, which is no sandbox, serve beyond loopback to whoever "
        "may register: each of them can run programs on this host",
        default=False,
    )
    secret_key: str | None = setting(
        setting_values.secret,
        "signs access tokens; a random one in the data directory in development",
        default=None,
        repr=False,
    )
    encryption_keys: Mapping[str, bytes] | None = setting(
        setting_values.key_ring,
        "encrypt stored secrets, the current one first; a random one in the data directory in "
        "development",
        default=None,
        repr=False,
    )
    token_lifetime: timedelta = setting(
        lambda text: timedelta(hours=setting_values.integer(1, 2160)(text)),
        "hours that an access token is good for",
        default=timedelta(hours=24),
    )
