"""Settings for request limits, rate limits and quotas."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.projects.env_vars import MAX_VALUE_BYTES, EnvQuota
from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting

_QUOTAS, _ENV = Quotas(), EnvQuota()


def _number(default: int, help: str, *, minimum: int = 1, maximum: int = 10**6) -> int:
    parsed: int = setting(values.integer(minimum, maximum), help, default=default)
    return parsed


@frozen(kw_only=True, slots=False)
class LimitSettings:
    """Request limits, rate limits and quotas."""

    max_body_bytes: int = _number(
        1024 * 1024, "Maximum size of a request body, in bytes, up to 1 GiB.", maximum=2**30
    )
    max_header_bytes: int = _number(
        16 * 1024,
        "Maximum size of a request's headers, in bytes, from 1,024 to 65,536.",
        minimum=1024,
        maximum=64 * 1024,
    )
    max_headers: int = _number(
        100, "Maximum number of headers in a request, from 20 to 1000.", minimum=20, maximum=1000
    )
    max_address_bytes: int = _number(
        8 * 1024,
        "Maximum length of a request URL including its query, in bytes, from 256 to 32,768.",
        minimum=256,
        maximum=32 * 1024,
    )
    max_json_depth: int = _number(
        32, "Maximum JSON nesting depth of a request body, from 4 to 200.", minimum=4, maximum=200
    )
    max_message_bytes: int = _number(
        4 * 1024, "Maximum size of a WebSocket message, in bytes, up to 1 MiB.", maximum=2**20
    )
    header_timeout: timedelta = setting(
        values.seconds,
        "Time for the URL and the headers of a request to arrive, in seconds, from 1 to 86,400.",
        default=timedelta(seconds=10),
    )
    body_timeout: timedelta = setting(
        values.seconds,
        "Time for the body of a request to arrive, in seconds, from 1 to 86,400. Very slow "
        "uploads are aborted earlier.",
        default=timedelta(seconds=30),
    )
    write_timeout: timedelta = setting(
        values.seconds,
        "Time after which a client that reads nothing is disconnected, in seconds, from 1 to "
        "86,400.",
        default=timedelta(seconds=10),
    )
    max_sign_ins: int = _number(
        10,
        "Maximum number of sign-in and registration attempts per minute, for each IP address and "
        "each account.",
    )
    max_requests: int = _number(600, "Maximum number of requests per user and minute.")
    max_streams: int = _number(
        20, "Maximum number of concurrent streams and long polls per user, in each API process."
    )
    max_deployments: int = _number(
        10,
        "Maximum number of deployments that a user can create per minute for one project. Pushes "
        "do not count.",
    )
    max_hourly_deployments: int = _number(
        600, "Maximum number of deployments that a user can create per hour for all projects."
    )
    max_queued_deployments: int = _number(
        _QUOTAS.queued_deployments,
        "Maximum number of queued deployments per user. Pushes are never rejected.",
    )
    max_plans: int = _number(
        _QUOTAS.concurrent_plans,
        "Maximum number of build plans computed at the same time. Each user can request one at a "
        "time.",
    )
    max_projects: int = _number(_QUOTAS.projects, "Maximum number of projects per user.")
    max_domains: int = _number(_QUOTAS.domains, "Maximum number of custom domains per user.")
    max_unverified_domains: int = _number(
        _QUOTAS.unverified_domains, "Maximum number of unverified custom domains per user."
    )
    max_env_vars: int = _number(_ENV.count, "Maximum number of environment variables per project.")
    max_env_value_bytes: int = _number(
        _ENV.value_bytes,
        "Maximum size of an environment variable's value, in bytes, up to 130,816.",
        maximum=MAX_VALUE_BYTES,
    )
    max_env_bytes: int = _number(
        _ENV.total_bytes,
        "Maximum total size of a project's environment variables, in bytes, up to 16 MiB.",
        maximum=16 * 2**20,
    )

    max_archive_bytes: int = _number(
        100 * 2**20, "Maximum size of an uploaded archive, in bytes, up to 2 GiB.", maximum=2**31
    )
    max_archives: int = _number(
        _QUOTAS.archives,
        "Maximum number of archives per project. The oldest archives that no deployment needs are "
        "removed first.",
    )
    max_archive_bytes_per_user: int = _number(
        _QUOTAS.archive_bytes,
        "Maximum total size of a user's archives, in bytes, up to 1 TiB. The oldest archives that "
        "no deployment needs are removed first.",
        maximum=2**40,
    )
    max_volumes: int = _number(
        _QUOTAS.volumes, "Maximum number of volumes per user, including detached ones."
    )
    max_volume_bytes_per_user: int = _number(
        0,
        "Total size of a user's volumes and snapshots, in bytes, at which the user can no longer "
        "create volumes and snapshots, up to 1 PiB. 0 means no limit.",
        minimum=0,
        maximum=2**50,
    )
    archive_timeout: timedelta = setting(
        values.archive_seconds,
        "Time for an archive to arrive, in seconds, from 1 to 3000. Very slow uploads are aborted "
        "earlier.",
        default=timedelta(minutes=15),
    )

    @property
    def quotas(self) -> Quotas:
        """Return the quotas of users."""
        return Quotas(
            projects=self.max_projects,
            queued_deployments=self.max_queued_deployments,
            domains=self.max_domains,
            unverified_domains=self.max_unverified_domains,
            concurrent_plans=self.max_plans,
            env=EnvQuota(
                count=self.max_env_vars,
                value_bytes=self.max_env_value_bytes,
                total_bytes=self.max_env_bytes,
            ),
            archives=self.max_archives,
            archive_bytes=self.max_archive_bytes_per_user,
            volumes=self.max_volumes,
            volume_bytes=self.max_volume_bytes_per_user or None,
        )
