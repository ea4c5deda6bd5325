"""HTTP clients: health checks of applications, and webhooks."""
