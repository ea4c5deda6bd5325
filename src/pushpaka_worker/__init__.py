"""The worker: runs deployments and reconciles its node with the database."""

from pushpaka_worker.background import open_worker

__all__ = ["open_worker"]
