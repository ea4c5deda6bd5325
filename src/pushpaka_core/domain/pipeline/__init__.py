"""Build plans, and the frameworks they support."""
