"""Settings for workers: concurrency, resources and timeouts."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting

_TIMINGS = Timeouts()


@frozen(kw_only=True, slots=False)
class WorkerSettings:
    """Workers: concurrency, resources and timeouts."""

    concurrency: int = setting(
        values.integer(1, 64),
        "Maximum number of concurrent deployments per worker, from 1 to 64.",
        default=2,
    )
    min_free_disk: int = setting(
        values.integer(0, 10**9),
        "Minimum free space on the disk of the data directory to start a deployment, in MiB. "
        "Uploads also leave this much free.",
        default=1024,
    )
    min_free_memory: int = setting(
        values.integer(0, 10**9),
        "Minimum available memory to start a deployment, in MiB.",
        default=256,
    )
    source_timeout: timedelta = setting(
        values.seconds,
        "Timeout for fetching a commit, in seconds, from 1 to 86,400.",
        default=_TIMINGS.source,
    )
    build_timeout: timedelta = setting(
        values.seconds,
        "Timeout for a build, in seconds, from 1 to 86,400.",
        default=_TIMINGS.build,
    )
    release_timeout: timedelta = setting(
        values.seconds,
        "Timeout for a release command, in seconds, from 1 to 86,400.",
        default=_TIMINGS.release,
    )
    drain_timeout: timedelta = setting(
        values.seconds,
        "Time that a replaced deployment has to complete open requests, in seconds, from 1 to "
        "86,400.",
        default=_TIMINGS.drain_time,
    )
