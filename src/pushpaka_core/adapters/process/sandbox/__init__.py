"""Confines projects: users, permissions, control groups and private directories."""
