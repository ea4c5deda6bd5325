"""Docker Swarm: the engine of a manager runs containers on all of its nodes."""
