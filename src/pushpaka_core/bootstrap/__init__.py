"""From settings to an application: the only package that names adapters, each imported on use."""

from pushpaka_core.bootstrap.memory import memory_adapters
from pushpaka_core.bootstrap.opening import open_application

__all__ = ["memory_adapters", "open_application"]
