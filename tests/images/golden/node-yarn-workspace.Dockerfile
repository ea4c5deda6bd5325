FROM node:22-slim AS base
ENV NODE_ENV=production \
    PATH=/app/apps/api/node_modules/.bin:/app/apps/node_modules/.bin:/app/node_modules/.bin:$PATH
RUN npm install --global --force @yarnpkg/cli-dist@4

FROM base AS build
ENV BUN_INSTALL_CACHE_DIR=/root/.cache/bun \
    YARN_CACHE_FOLDER=/root/.cache/yarn \
    npm_config_audit=false \
    npm_config_cache=/root/.cache/npm \
    npm_config_fund=false \
    npm_config_store_dir=/root/.cache/pnpm \
    npm_config_update_notifier=false \
    YARN_ENABLE_GLOBAL_CACHE=false \
    YARN_GLOBAL_FOLDER=/root/.cache/yarn
WORKDIR /app/apps/api
COPY ["apps/api/package.json", "/app/apps/api/"]
COPY ["package.json", "yarn.lock", "/app/"]
COPY ["packages/core/package.json", "/app/packages/core/"]
WORKDIR /app
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; yarn install --immutable
COPY . /app/
ARG PUSHPAKA_ENV
WORKDIR /app/packages/core
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; yarn run build

FROM base
COPY --from=build /app /app
WORKDIR /app/apps/api
USER 65532:65532
CMD ["/bin/sh", "-c", "yarn run start"]
