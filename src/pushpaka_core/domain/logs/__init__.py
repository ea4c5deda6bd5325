"""Log lines, the timeline of a deployment, and the redaction of secrets."""
