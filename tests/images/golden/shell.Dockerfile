FROM debian:trixie-slim

COPY . /app/
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "bash start.sh"]
