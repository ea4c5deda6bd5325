FROM debian:trixie-slim AS base

FROM base AS build
WORKDIR /app
COPY . /app/

FROM base
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "bash start.sh"]
