"""Docker Swarm: builds images, and runs services on several machines."""
