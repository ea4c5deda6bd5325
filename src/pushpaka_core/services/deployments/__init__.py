"""Creates, queues, cancels and follows deployments."""
