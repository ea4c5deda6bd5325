"""Accounts, API tokens, members, invitations and permissions."""
