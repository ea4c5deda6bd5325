"""From a build plan to the Dockerfile of its image: pure, with a module for each language."""
