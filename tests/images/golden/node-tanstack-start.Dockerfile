FROM node:22-slim AS base
ENV NODE_ENV=production \
    PATH=/app/node_modules/.bin:$PATH

FROM base AS build
ENV BUN_INSTALL_CACHE_DIR=/root/.cache/bun \
    YARN_CACHE_FOLDER=/root/.cache/yarn \
    npm_config_audit=false \
    npm_config_cache=/root/.cache/npm \
    npm_config_fund=false \
    npm_config_store_dir=/root/.cache/pnpm \
    npm_config_update_notifier=false
WORKDIR /app
COPY ["package-lock.json", "package.json", "/app/"]
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; npm ci --include=dev
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; npm run build
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; npm install --prefix=.srvx --no-save --no-audit --no-fund srvx@1

FROM base
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "node .srvx/node_modules/srvx/bin/srvx.mjs serve --prod --host ${HOST:-0.0.0.0} --port $PORT --static ../client --entry dist/server/server.js"]
