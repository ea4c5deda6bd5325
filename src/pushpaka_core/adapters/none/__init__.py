"""Adapters of an instance that does without a technology."""
