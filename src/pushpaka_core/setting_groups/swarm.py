"""Which nodes of a Swarm run applications, and from where they fetch images."""

from pathlib import Path

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class SwarmSettings:
    """What the runtime `swarm` needs beside an engine."""

    registry: str | None = setting(
        setting_values.registry,
        "where the runtime `swarm` keeps images, as in `registry.example.com/team`, or "
        "`http://10.0.0.5:5000` where it has no TLS",
        default=None,
    )
    registry_user: str | None = setting(
        str, "who pushes and fetches images there; nobody in particular by default", default=None
    )
    registry_password: str | None = setting(
        str, "the password of that user", default=None, repr=False
    )
    registry_password_file: Path | None = setting(
        setting_values.absolute, "a file with that password, in its place", default=None
    )
    placement: tuple[str, ...] = setting(
        setting_values.constraints,
        "which nodes of a Swarm run applications, as in `node.role==worker,node.labels.apps==yes`; "
        "all by default",
        default=(),
    )
