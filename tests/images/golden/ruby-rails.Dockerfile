FROM ruby:3.4.1-slim AS base
ENV APP_ENV=production \
    BOOTSNAP_CACHE_DIR=/tmp/bootsnap \
    BUNDLE_WITHOUT=development:test \
    BUNDLE_FROZEN=true \
    RACK_ENV=production \
    RAILS_ENV=production \
    RAILS_LOG_TO_STDOUT=1 \
    RAILS_SERVE_STATIC_FILES=1
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ENV BUNDLE_GLOBAL_GEM_CACHE=true \
    BUNDLE_USER_CACHE=/root/.cache/bundle
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential git libyaml-dev pkg-config libpq-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY ["Gemfile", "Gemfile.lock", ".ruby-version", "/app/"]
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; bundle install
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile

FROM base
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "bundle exec rails server -b ${HOST:-0.0.0.0} -p $PORT -P /tmp/server.pid"]
