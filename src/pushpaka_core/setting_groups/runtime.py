"""Where applications run, and what they may take."""

from enum import StrEnum
from ipaddress import IPv4Network

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


class RuntimeChoice(StrEnum):
    """Where applications run."""

    PROCESS = "process"
    DOCKER = "docker"
    SWARM = "swarm"
    MEMORY = "memory"


@frozen(kw_only=True, slots=False)
class RuntimeSettings:
    """The runtime and its bounds."""

    runtime: RuntimeChoice | None = setting(
        setting_values.one_of(RuntimeChoice),
        "`process`, `docker`, `swarm`, or `memory` for tests; chosen at the first start, and kept: "
        "docker where an engine with buildx answers, else process",
        default=None,
    )
    docker_url: str = setting(
        str,
        "where the Docker Engine answers, that of a manager for a Swarm",
        default="unix:///var/run/docker.sock",
    )
    image_prefix: str | None = setting(
        str,
        "stands before the names of base images, as in `mirror.example.com/`; none by default",
        default=None,
    )
    network_pool: IPv4Network = setting(
        setting_values.network_pool,
        "the addresses that containers get, 64 to a project; to be used for nothing else",
        default=IPv4Network("10.213.0.0/16"),
    )
    most_memory: int = setting(
        setting_values.integer(16, 10**7), "MiB that a container may use at most", default=2048
    )
    most_cpus: int = setting(
        setting_values.integer(1, 1024), "cores that a container may use at most", default=2
    )
    instance_ports: range = setting(
        setting_values.ports,
        "ports for applications, of this machine or of all nodes of a Swarm",
        default=range(20_000, 30_000),
    )
