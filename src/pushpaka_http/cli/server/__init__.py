"""The HTTP server that `pushpaka serve` runs."""
