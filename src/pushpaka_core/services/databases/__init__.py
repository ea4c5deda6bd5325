"""Creates and runs databases of projects."""
