"""The files of volumes, and their mounts in releases."""
