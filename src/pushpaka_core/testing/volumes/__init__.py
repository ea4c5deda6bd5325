"""Contract tests for volumes: their files, and their mounts in instances."""
