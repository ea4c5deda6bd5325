"""How much one client may ask for, and how much one user may have."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.env_vars import LONGEST_VALUE, EnvQuota
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.setting_groups.field import setting

_QUOTAS, _ENV = Quotas(), EnvQuota()


def _number(default: int, help: str, *, least: int = 1, most: int = 10**6) -> int:
    parsed: int = setting(setting_values.integer(least, most), help, default=default)
    return parsed


@frozen(kw_only=True, slots=False)
class LimitSettings:
    """The bounds of requests, and the quotas of users and projects."""

    most_body_bytes: int = _number(
        1024 * 1024, "bytes that the body of a request may have", most=2**30
    )
    most_header_bytes: int = _number(
        16 * 1024, "bytes that the headers of a request may have", least=1024, most=64 * 1024
    )
    most_headers: int = _number(100, "headers that a request may have", least=20, most=1000)
    most_address_bytes: int = _number(
        8 * 1024, "bytes that an address may have, its query included", least=256, most=32 * 1024
    )
    most_json_depth: int = _number(
        32, "objects and lists in each other that a body may have", least=4, most=200
    )
    most_message_bytes: int = _number(
        4 * 1024, "bytes that a message to a WebSocket may have", most=2**20
    )
    head_timeout: timedelta = setting(
        setting_values.seconds,
        "seconds for the address and the headers of a request to arrive",
        default=timedelta(seconds=10),
    )
    body_timeout: timedelta = setting(
        setting_values.seconds,
        "seconds for the body of a request to arrive; one that hardly moves has less",
        default=timedelta(seconds=30),
    )
    stall_timeout: timedelta = setting(
        setting_values.seconds,
        "seconds for which a client may take nothing of what is sent to it",
        default=timedelta(seconds=10),
    )
    most_sign_ins: int = _number(
        10, "tries to sign in or up that an address, or an account, has in a minute"
    )
    most_requests: int = _number(600, "requests of a user in a minute")
    most_watchers: int = _number(
        20, "streams and waiting requests of a user at the same time, in each process"
    )
    most_deployments: int = _number(
        10, "deployments of a project that a user may ask for in a minute; pushes do not count"
    )
    most_hourly_deployments: int = _number(
        600, "deployments of all projects that a user may ask for in an hour"
    )
    most_waiting: int = _number(
        _QUOTAS.waiting, "deployments of a user that may wait for a worker; pushes are not refused"
    )
    most_plans: int = _number(
        _QUOTAS.plans, "plans that are made at the same time, one for each user"
    )
    most_projects: int = _number(_QUOTAS.projects, "projects that a user may have")
    most_domains: int = _number(_QUOTAS.domains, "custom domains that a user may have")
    most_claims: int = _number(
        _QUOTAS.claims, "custom domains among them that are not proven to be the user's"
    )
    most_env_vars: int = _number(_ENV.number, "env vars that a project may have")
    most_env_value_bytes: int = _number(
        _ENV.value_bytes, "bytes that the value of an env var may have", most=LONGEST_VALUE
    )
    most_env_bytes: int = _number(
        _ENV.total_bytes, "bytes that all env vars of a project may have", most=16 * 2**20
    )

    most_archive_bytes: int = _number(
        100 * 2**20, "bytes that the archive of a folder may have, as it is sent", most=2**31
    )
    most_archives: int = _number(
        _QUOTAS.archives,
        "archives that a project may have; the oldest that nothing waits for makes room",
    )
    archive_timeout: timedelta = setting(
        setting_values.seconds,
        "seconds for an archive to arrive; one that hardly moves has less",
        default=timedelta(minutes=15),
    )

    @property
    def quotas(self) -> Quotas:
        """Return what a user may have."""
        return Quotas(
            projects=self.most_projects,
            waiting=self.most_waiting,
            domains=self.most_domains,
            claims=self.most_claims,
            plans=self.most_plans,
            env=EnvQuota(
                number=self.most_env_vars,
                value_bytes=self.most_env_value_bytes,
                total_bytes=self.most_env_bytes,
            ),
            archives=self.most_archives,
        )
