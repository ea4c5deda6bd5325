"""Webhook deliveries, commit statuses, notifications and the outbox."""
