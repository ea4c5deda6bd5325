FROM denoland/deno:debian AS base
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1

FROM base AS build
WORKDIR /app
COPY ["deno.json", "deno.lock", "/app/"]
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; deno install
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; deno cache main.ts

FROM base
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "DENO_SERVE_ADDRESS=tcp:${HOST:-0.0.0.0}:$PORT deno run --allow-all main.ts"]
