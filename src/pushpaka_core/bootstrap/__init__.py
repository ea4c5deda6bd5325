"""Opens applications from settings. Only this package refers to adapters and imports them."""

from pushpaka_core.bootstrap.memory import memory_adapters
from pushpaka_core.bootstrap.open_application import open_application

__all__ = ["memory_adapters", "open_application"]
