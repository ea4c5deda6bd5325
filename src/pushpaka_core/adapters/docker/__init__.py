"""Images and containers of a Docker Engine, by the docker SDK behind threads and by buildx."""
