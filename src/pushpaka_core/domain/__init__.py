"""The domain: entities as frozen values, and the rules that apply to them. No I/O."""
