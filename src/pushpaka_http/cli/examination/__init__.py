"""What `pushpaka doctor` looks at; nothing is changed by any of it."""
