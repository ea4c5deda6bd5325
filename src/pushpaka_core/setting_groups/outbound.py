"""What the platform itself may connect to."""

from pathlib import Path, PurePosixPath

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class OutboundSettings:
    """Where repositories may lie, and who may be notified."""

    local_repo_root: Path | None = setting(
        setting_values.absolute,
        "local repositories may lie below this directory; none by default",
        default=None,
    )
    git_allow_http: bool = setting(
        setting_values.flag, "`true` allows repositories over plain http", default=False
    )
    git_allow_nets: tuple[IPNetwork, ...] = setting(
        setting_values.networks,
        "networks with Git servers that are not public, as in `10.0.0.0/8`; none by default",
        default=(),
    )
    ssh_known_hosts: Path | None = setting(
        setting_values.absolute,
        "a file of ssh host keys, in the form of OpenSSH's `known_hosts`, beside which none is "
        "accepted; without it each host's first key is remembered in the data directory",
        default=None,
    )
    notify_allow_nets: tuple[IPNetwork, ...] = setting(
        setting_values.networks,
        "networks that are not public and may be told by notifications; none by default",
        default=(),
    )

    @property
    def local_root(self) -> PurePosixPath | None:
        """Return the root of local repositories as the source policy wants it."""
        root = self.local_repo_root
        return None if root is None else PurePosixPath(root)
