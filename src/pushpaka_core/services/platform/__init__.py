"""Reconciler, garbage collector, worker registry, key rotation, health and metrics."""
