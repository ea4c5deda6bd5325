"""The worker adapter: claims deployments, and keeps what runs in line with the database."""

from pushpaka_worker.running import open_worker

__all__ = ["open_worker"]
