"""Notifications sent with the Apprise library."""
