"""Generates the Dockerfile for a build plan, with one module for each language. No I/O."""
