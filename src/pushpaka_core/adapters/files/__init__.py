"""Adapters that use files and directories of this host."""
