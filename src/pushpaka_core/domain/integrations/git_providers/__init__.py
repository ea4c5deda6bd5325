"""Reads webhook deliveries of GitHub, GitLab, Gitea and Bitbucket, one module per Git provider."""
