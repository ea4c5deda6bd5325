"""Webhooks, notifications and the outbox."""
