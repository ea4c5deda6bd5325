"""The configuration of an instance: the one place that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs
from attrs import field, frozen

from pushpaka_core.domain.failpoints import Failpoint
from pushpaka_core.domain.networks import is_loopback
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.setting_groups.access import AccessSettings
from pushpaka_core.setting_groups.certificates import CertificateSettings
from pushpaka_core.setting_groups.http import HttpSettings
from pushpaka_core.setting_groups.instance import InstanceSettings, Stage
from pushpaka_core.setting_groups.limits import LimitSettings
from pushpaka_core.setting_groups.outbound import OutboundSettings
from pushpaka_core.setting_groups.retention import RetentionSettings
from pushpaka_core.setting_groups.routing import RouterChoice, RoutingSettings
from pushpaka_core.setting_groups.runtime import RuntimeChoice, RuntimeSettings
from pushpaka_core.setting_groups.storage import StorageSettings
from pushpaka_core.setting_groups.swarm import SwarmSettings
from pushpaka_core.setting_groups.work import WorkSettings
from pushpaka_core.setting_sources import (
    read_for_tests,
    read_host_env,
    read_settings,
    usual_data_directory,
)

__all__ = ["RouterChoice", "RuntimeChoice", "Settings", "Stage"]


@frozen(kw_only=True)
class Settings(  # attrs takes the fields of the last base first
    LimitSettings,
    OutboundSettings,
    RetentionSettings,
    WorkSettings,
    SwarmSettings,
    RuntimeSettings,
    AccessSettings,
    CertificateSettings,
    RoutingSettings,
    HttpSettings,
    StorageSettings,
    InstanceSettings,
):
    """
    How an instance is configured, by PUSHPAKA_* or by a program that embeds it.

    An unknown name is an error: a misspelt setting must not be ignored in silence.
    """

    host_env: Mapping[str, str] = field(factory=lambda: read_host_env(os.environ), repr=False)
    """What builds see of the platform's own environment: proxies, certificates, indexes."""
    failpoint: Failpoint | None = None
    """What a test lets go wrong."""
    is_fast: bool = False
    """Whether a test wants a faster clockwork."""
    timings: Timings = field()
    """Derived from the time-outs unless it is given."""

    @timings.default
    def _default_timings(self) -> Timings:
        timings = Timings(
            source=self.source_timeout,
            build=self.build_timeout,
            release=self.release_timeout,
            drain=self.drain_timeout,
        )
        return timings.hastened() if self.is_fast else timings

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, *, data_directory: Path | None = None
    ) -> Self:
        """
        Read the settings from an environment.

        Args:
            environ: What is set, by name.
            data_directory: What is taken where none is set, in place of the user's usual one.

        Raises:
            SettingsError: If a name is unknown or a value cannot be used; it names the setting.
        """
        fields = (a for a in attrs.fields(cls) if "parse" in a.metadata)
        values = read_settings(environ, {a.name: a.metadata["parse"] for a in fields})
        if "data_directory" not in values:
            values["data_directory"] = data_directory or usual_data_directory(environ)
        return cls(host_env=read_host_env(environ), **read_for_tests(environ), **values)

    @property
    def is_of_one_process(self) -> bool:
        """Tell whether what it knows is gone with the process that knows it."""
        return self.runtime is RuntimeChoice.MEMORY or self.database == "memory"

    @property
    def is_tested(self) -> bool:
        """Tell whether it is set to behave as no instance should that people rely on."""
        return self.is_fast or self.failpoint is not None

    @property
    def is_exposed(self) -> bool:
        """Tell whether others than this host can reach the API, the router or applications."""
        return not all(map(is_loopback, (self.host, self.router_host, self.node_address)))

    @property
    def registration_policy(self) -> RegistrationPolicy:
        """Return who may register: anybody on loopback, else whoever comes first, unless set."""
        default = RegistrationPolicy.FIRST if self.is_exposed else RegistrationPolicy.OPEN
        return self.registration or default
