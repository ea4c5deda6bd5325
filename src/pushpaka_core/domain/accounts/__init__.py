"""Users, sign-in, API tokens, members, roles and quotas."""
