"""Routes requests with Traefik, and serves error pages with Caddy."""
