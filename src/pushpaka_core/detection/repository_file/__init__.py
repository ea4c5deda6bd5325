"""pushpaka.toml: what a repository says of its own deployment, read strictly and explained."""
