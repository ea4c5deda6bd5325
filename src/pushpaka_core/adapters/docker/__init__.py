"""Builds and runs images with a Docker Engine, through the docker SDK and buildx."""
