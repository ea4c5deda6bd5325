"""The settings of an instance in groups; `settings.py` puts them together."""
