"""Volumes, which keep the files of a project across deployments."""
