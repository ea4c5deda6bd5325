"""Node.js: what installs a project, what builds it, and what answers requests in the end."""
