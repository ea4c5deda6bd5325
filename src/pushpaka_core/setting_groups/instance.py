"""What an instance is for, and what it tells."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


class Stage(StrEnum):
    """What the instance is for; production accepts no secret that it made up itself."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


@frozen(kw_only=True, slots=False)
class InstanceSettings:
    """The instance as a whole."""

    stage: Stage = setting(
        setting_values.one_of(Stage),
        "`development`, or `production`, which wants its own secrets",
        default=Stage.DEVELOPMENT,
    )
    node: str | None = setting(
        setting_values.label,
        "what this machine is called among those of the instance; its host name at the first start",
        default=None,
    )
    log_format: str = setting(
        setting_values.word("console", "json"), "`console` or `json`", default="console"
    )
