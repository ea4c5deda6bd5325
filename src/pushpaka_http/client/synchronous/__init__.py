"""Every method once, in the form of its package: asynchronous, or made from that."""
