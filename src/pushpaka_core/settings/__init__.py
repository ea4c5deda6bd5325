"""Settings by topic, and where their values come from. `Settings` combines them."""
