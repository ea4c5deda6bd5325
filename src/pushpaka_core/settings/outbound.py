"""Settings for outgoing connections of the platform itself."""

from pathlib import Path, PurePosixPath

from attrs import frozen

from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.values import setting


@frozen(kw_only=True, slots=False)
class OutboundSettings:
    """Repositories and outgoing connections."""

    local_repo_root: Path | None = setting(
        values.absolute_path,
        "Directory that may contain local repositories to deploy. Default: none.",
        default=None,
    )
    git_allow_http: bool = setting(
        values.boolean, "`true` allows repositories over plain HTTP.", default=False
    )
    git_allow_nets: tuple[IPNetwork, ...] = setting(
        addresses.networks,
        "Comma-separated private networks that repositories can be fetched from, for example "
        "`10.0.0.0/8`. Default: none.",
        default=(),
    )
    ssh_known_hosts: Path | None = setting(
        values.absolute_path,
        "File in OpenSSH `known_hosts` format with the only SSH host keys to accept. Default: the "
        "first key of each host is remembered in the data directory.",
        default=None,
    )
    notify_allow_nets: tuple[IPNetwork, ...] = setting(
        addresses.networks,
        "Comma-separated private networks that notifications can be sent to. Default: none.",
        default=(),
    )

    @property
    def local_root(self) -> PurePosixPath | None:
        """Return the directory of local repositories in the type that SourcePolicy uses."""
        root = self.local_repo_root
        return None if root is None else PurePosixPath(root)
