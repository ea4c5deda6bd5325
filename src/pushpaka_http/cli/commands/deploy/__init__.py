"""Commands that create, follow and change deployments."""
