"""The demo: its instance, its application and its display."""
