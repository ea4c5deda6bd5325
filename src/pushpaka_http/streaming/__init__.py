"""Streams logs and status changes of deployments over WebSockets and Server-Sent Events."""
