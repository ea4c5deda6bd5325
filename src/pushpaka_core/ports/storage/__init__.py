"""The storage port: one module of repositories per feature."""
