"""Settings for the instance as a whole."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting


class Stage(StrEnum):
    """The purpose of the instance. Production requires secrets that are set explicitly."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """The format of log records."""

    CONSOLE = "console"
    JSON = "json"


@frozen(kw_only=True, slots=False)
class InstanceSettings:
    """Instance."""

    stage: Stage = setting(
        values.one_of(Stage),
        "Purpose of the instance: `development` or `production`. Production requires "
        "`PUSHPAKA_SECRET_KEY` and `PUSHPAKA_ENCRYPTION_KEYS`.",
        default=Stage.DEVELOPMENT,
    )
    node: str | None = setting(
        values.label,
        "Name of this machine: up to 63 letters, digits, dots, underscores or hyphens. "
        "Default: the hostname at the first start.",
        default=None,
    )
    log_format: LogFormat = setting(
        values.one_of(LogFormat),
        "Format of log records: `console` or `json`.",
        default=LogFormat.CONSOLE,
    )
