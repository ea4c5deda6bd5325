"""What is kept, and for how long."""

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class RetentionSettings:
    """The age and the number at which things go."""

    releases_kept: int = setting(
        setting_values.integer(1, 1000), "releases to keep for rollbacks of each project", default=5
    )
    logs_kept: int = setting(
        setting_values.integer(1, 36_500),
        "days that logs are kept once their deployment is over",
        default=30,
    )
    previews: int = setting(
        setting_values.integer(1, 1000),
        "previews that a project may have; a newer one ends the oldest",
        default=10,
    )
    preview_idle: int = setting(
        setting_values.integer(1, 36_500),
        "days that a preview is kept after its last deployment",
        default=7,
    )
