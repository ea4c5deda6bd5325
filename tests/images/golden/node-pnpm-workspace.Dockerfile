FROM node:22-slim AS base
ENV NODE_ENV=production \
    PATH=/app/apps/api/node_modules/.bin:/app/apps/node_modules/.bin:/app/node_modules/.bin:$PATH
RUN npm install --global pnpm@9.12.0

FROM base AS build
ENV BUN_INSTALL_CACHE_DIR=/root/.cache/bun \
    YARN_CACHE_FOLDER=/root/.cache/yarn \
    npm_config_audit=false \
    npm_config_cache=/root/.cache/npm \
    npm_config_fund=false \
    npm_config_store_dir=/root/.cache/pnpm \
    npm_config_update_notifier=false
WORKDIR /app/apps/api
COPY ["apps/api/package.json", "/app/apps/api/"]
COPY ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "/app/"]
COPY ["packages/core/package.json", "/app/packages/core/"]
WORKDIR /app
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; pnpm install --frozen-lockfile --prod=false
COPY . /app/
ARG PUSHPAKA_ENV
WORKDIR /app/packages/core
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; pnpm run build

FROM base
COPY --from=build /app /app
WORKDIR /app/apps/api
USER 65532:65532
CMD ["/bin/sh", "-c", "pnpm run start"]
