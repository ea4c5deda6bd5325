"""Settings for retention."""

from attrs import frozen

from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting


@frozen(kw_only=True, slots=False)
class RetentionSettings:
    """Retention of releases, logs and previews."""

    releases_kept: int = setting(
        values.integer(1, 1000),
        "Number of releases kept per project for rollbacks, from 1 to 1000.",
        default=5,
    )
    logs_kept: int = setting(
        values.integer(1, 36_500),
        "How long logs are kept after the deployment has ended, in days, from 1 to 36,500.",
        default=30,
    )
    previews: int = setting(
        values.integer(1, 1000),
        "Maximum number of previews per project, from 1 to 1000. When a new preview exceeds this "
        "number, the oldest preview is stopped.",
        default=10,
    )
    preview_idle: int = setting(
        values.integer(1, 36_500),
        "How long a preview is kept after its last deployment, in days, from 1 to 36,500.",
        default=7,
    )
