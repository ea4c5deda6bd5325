FROM ruby:3.4-slim AS base
ENV APP_ENV=production \
    BOOTSNAP_CACHE_DIR=/tmp/bootsnap \
    BUNDLE_WITHOUT=development:test \
    RACK_ENV=production \
    RAILS_ENV=production \
    RAILS_LOG_TO_STDOUT=1 \
    RAILS_SERVE_STATIC_FILES=1

FROM base AS build
ENV BUNDLE_GLOBAL_GEM_CACHE=true \
    BUNDLE_USER_CACHE=/root/.cache/bundle
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential git libyaml-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY ["Gemfile", "/app/"]
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; bundle install
COPY . /app/

FROM base
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "bundle exec puma -b tcp://${HOST:-0.0.0.0}:$PORT"]
