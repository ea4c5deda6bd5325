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
RUN [ -e dist ] || for other in dist build out; do if [ -f "$other/index.html" ]; then echo 'The build did not create dist. Serving' "$other instead, which has an index.html." && mkdir -p -- . && ln -s -- "$PWD/$other" dist; break; fi; done

FROM caddy:2
# pushpaka is an additional build context, not a stage.
# hadolint ignore=DL3022
COPY --from=pushpaka pushpaka-site.json /etc/pushpaka-site.json
COPY --from=build /app/dist/ /srv/site/
WORKDIR /srv/site
USER 65532:65532
CMD ["caddy", "run", "--config", "/etc/pushpaka-site.json"]
