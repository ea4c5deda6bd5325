FROM elixir:1.18-slim AS build
ENV HEX_HOME=/root/.cache/hex \
    LANG=C.UTF-8 \
    MIX_ENV=prod \
    MIX_HOME=/opt/mix
WORKDIR /app
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; mix release --overwrite --path _release

FROM debian:trixie-slim
ENV ERL_CRASH_DUMP=/tmp/erl_crash.dump \
    LANG=C.UTF-8 \
    PHX_SERVER=true \
    RELEASE_DISTRIBUTION=none \
    RELEASE_TMP=/tmp/release
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libncurses6 libstdc++6 openssl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /app/_release /app/_release
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "_release/bin/shop start"]
