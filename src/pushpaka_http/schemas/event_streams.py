"""The timing of event streams, which server and client have to agree on."""

KEEP_ALIVE_SECONDS = 15
"""
Interval in seconds at which the server sends a comment on a stream.

The interval is shorter than the idle timeout of proxies, some of which close a connection after 30
s.
"""
