"""The settings of an instance. Only this module and its helpers read the environment."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

import attrs
from attrs import field, frozen

from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.networks import is_loopback
from pushpaka_core.domain.platform.failpoints import InjectedFault
from pushpaka_core.settings.accounts import AccessSettings
from pushpaka_core.settings.certificates import CertificateSettings
from pushpaka_core.settings.http import HttpSettings
from pushpaka_core.settings.limits import LimitSettings
from pushpaka_core.settings.outbound import OutboundSettings
from pushpaka_core.settings.pipeline import WorkerSettings
from pushpaka_core.settings.platform import InstanceSettings, Stage
from pushpaka_core.settings.retention import RetentionSettings
from pushpaka_core.settings.routing import RouterChoice, RoutingSettings
from pushpaka_core.settings.runtime import RuntimeChoice, RuntimeSettings
from pushpaka_core.settings.sources import (
    default_data_directory,
    read_host_env,
    read_settings,
    read_test_settings,
)
from pushpaka_core.settings.storage import StorageSettings
from pushpaka_core.settings.swarm import SwarmSettings

__all__ = ["RouterChoice", "RuntimeChoice", "Settings", "Stage"]


@frozen(kw_only=True)
class Settings(  # attrs takes the fields of the last base first
    LimitSettings,
    OutboundSettings,
    RetentionSettings,
    WorkerSettings,
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
    The settings of an instance, from environment variables or from an embedding program.

    The environment variable of a field is its name in upper case with the prefix `PUSHPAKA_`.
    Unknown variables with this prefix are rejected, so that typos are noticed.
    """

    host_env: Mapping[str, str] = field(factory=lambda: read_host_env(os.environ), repr=False)
    """
    The platform's environment variables that builds see: proxies, certificates, package indexes.
    """
    failpoint: InjectedFault | None = None
    """A fault that a test injects, or None."""
    fast_silence: timedelta | None = None
    """
    In tests with faster timings, the time after which a lease without heartbeats is lost. Otherwise
    None.
    """
    timings: Timeouts = field()
    """All timeouts and intervals. Derived from the timeout settings unless given."""

    @timings.default
    def _default_timings(self) -> Timeouts:
        timeouts = Timeouts(
            source=self.source_timeout,
            build=self.build_timeout,
            release=self.release_timeout,
            drain_time=self.drain_timeout,
        )
        return (
            timeouts
            if self.fast_silence is None
            else timeouts.with_short_intervals(self.fast_silence)
        )

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, *, data_directory: Path | None = None
    ) -> Self:
        """
        Read the settings from environment variables.

        Args:
            environ: The environment variables.
            data_directory: The data directory if the variable is not set. By default,
                `default_data_directory` of the current user.

        Raises:
            SettingsError: If a name is unknown or a value is invalid. The message names the
                setting.
        """
        fields = [a for a in attrs.fields(cls) if "parse" in a.metadata]
        values = read_settings(
            environ,
            {a.name: a.metadata["parse"] for a in fields},
            secret_fields={a.name for a in fields if not a.repr},
        )
        if "data_directory" not in values:
            values["data_directory"] = data_directory or default_data_directory(environ)
        return cls(host_env=read_host_env(environ), **read_test_settings(environ), **values)

    @property
    def is_single_process(self) -> bool:
        """Return True if state is kept in memory, so that processes cannot share the instance."""
        return self.runtime is RuntimeChoice.MEMORY or self.database == "memory"

    @property
    def uses_test_settings(self) -> bool:
        """
        Return True if a setting for tests is used.

        Such an instance must not serve production.
        """
        return self.fast_silence is not None or self.failpoint is not None

    @property
    def is_exposed(self) -> bool:
        """Return True if other hosts can reach the API, the router or applications."""
        return not all(map(is_loopback, (self.host, self.router_host, self.node_address)))

    @property
    def forwarded_registration_policy(self) -> RegistrationPolicy:
        """
        Return the registration policy for requests through a router or proxy.

        The default is "first".
        """
        return self.registration or RegistrationPolicy.FIRST

    @property
    def registration_policy(self) -> RegistrationPolicy:
        """
        Return the registration policy for direct connections.

        The default is "open" if everything listens on loopback, else "first".
        """
        default = RegistrationPolicy.FIRST if self.is_exposed else RegistrationPolicy.OPEN
        return self.registration or default
