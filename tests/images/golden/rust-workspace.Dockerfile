FROM rust:1 AS build
ENV CARGO_HOME=/root/.cache/cargo \
    CARGO_TARGET_DIR=/root/.cache/cargo-target
WORKDIR /app
COPY . /app/
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; cargo fetch --locked
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; cargo build --release --locked --bin api && install -D -t bin "${CARGO_TARGET_DIR:-target}/release/api"

FROM debian:trixie-slim
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3t64 tzdata \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "./bin/api"]
