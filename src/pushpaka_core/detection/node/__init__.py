"""Node.js detection: package managers, build steps, and the server or site that results."""
