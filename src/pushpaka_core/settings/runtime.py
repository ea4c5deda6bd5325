"""Settings for the runtime and resource limits."""

from enum import StrEnum
from ipaddress import IPv4Network

from attrs import frozen

from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.values import setting


class RuntimeChoice(StrEnum):
    """The runtime that runs applications."""

    PROCESS = "process"
    DOCKER = "docker"
    SWARM = "swarm"
    MEMORY = "memory"


@frozen(kw_only=True, slots=False)
class RuntimeSettings:
    """Runtime and resource limits."""

    runtime: RuntimeChoice | None = setting(
        values.one_of(RuntimeChoice),
        "Runtime: `process`, `docker`, `swarm`, or `memory` for tests. Default: selected at the "
        "first start and kept: `docker` if a Docker Engine with buildx is available, else "
        "`process`.",
        default=None,
    )
    docker_url: str = setting(
        str,
        "URL of the Docker Engine. For a Swarm, the URL of a manager.",
        default="unix:///var/run/docker.sock",
    )
    image_prefix: str | None = setting(
        str,
        "Prefix for the names of base images, for example `mirror.example.com/`. Default: none.",
        default=None,
    )
    python_downloads: bool = setting(
        values.boolean,
        "`false` prevents the process runtime from downloading missing Python versions. "
        "`UV_PYTHON_INSTALL_MIRROR` sets a mirror for them.",
        default=True,
    )
    network_pool: IPv4Network = setting(
        addresses.network_pool,
        "IPv4 network for containers, at least a /26. Each project uses 64 addresses. Do not use "
        "this network for anything else.",
        default=IPv4Network("10.213.0.0/16"),
    )
    max_memory: int = setting(
        values.integer(16, 10**7),
        "Maximum memory of a container, in MiB, from 16 to 10,000,000.",
        default=2048,
    )
    max_cpus: int = setting(
        values.integer(1, 1024),
        "Maximum number of CPUs of a container, in cores, from 1 to 1024.",
        default=2,
    )
    instance_ports: range = setting(
        addresses.ports,
        "Range of ports for applications on this machine, or on all nodes of a Swarm, from 1024 "
        "to 65535.",
        default=range(20_000, 30_000),
    )
