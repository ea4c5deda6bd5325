"""How much is deployed at a time, and how long a step may take."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.timings import Timings
from pushpaka_core.setting_groups.field import setting

_TIMINGS = Timings()


@frozen(kw_only=True, slots=False)
class WorkSettings:
    """The pace of deployments."""

    concurrency: int = setting(
        setting_values.integer(1, 64), "deployments in work at a time", default=2
    )
    min_free_disk: int = setting(
        setting_values.integer(0, 10**9),
        "MiB that must be free beside the data directory for a deployment to begin",
        default=1024,
    )
    min_free_memory: int = setting(
        setting_values.integer(0, 10**9),
        "MiB of memory that must be available for a deployment to begin",
        default=256,
    )
    source_timeout: timedelta = setting(
        setting_values.seconds, "seconds to fetch a commit", default=_TIMINGS.source
    )
    build_timeout: timedelta = setting(
        setting_values.seconds, "seconds to build", default=_TIMINGS.build
    )
    release_timeout: timedelta = setting(
        setting_values.seconds, "seconds for a release command", default=_TIMINGS.release
    )
    drain_timeout: timedelta = setting(
        setting_values.seconds,
        "seconds that a replaced deployment has to end what it has begun",
        default=_TIMINGS.drain,
    )
