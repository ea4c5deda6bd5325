FROM php:8.4-apache AS base
ENV APACHE_LOCK_DIR=/tmp/apache2 \
    APACHE_PID_FILE=/tmp/apache2/apache2.pid \
    APACHE_RUN_DIR=/tmp/apache2
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libicu-dev libpq-dev libzip-dev \
    && rm -rf /var/lib/apt/lists/*
RUN docker-php-ext-install bcmath intl pcntl pdo_mysql pdo_pgsql zip \
    && a2enmod -q rewrite

COPY <<'END' /etc/apache2/ports.conf
Listen ${PORT}
END

COPY <<'END' /etc/apache2/sites-available/000-default.conf
ServerName localhost
<VirtualHost *:${PORT}>
    DocumentRoot "/app/public"
    ErrorLog /dev/stderr
    <Directory "/app/public">
        Options FollowSymLinks
        AllowOverride All
        Require all granted
        DirectoryIndex index.php index.html
        FallbackResource /index.php
    </Directory>
    <LocationMatch "/\.(?!well-known/)">
        Require all denied
    </LocationMatch>
    <LocationMatch "^/(vendor/|composer\.(json|lock)$|Procfile$|pushpaka\.toml$)">
        Require all denied
    </LocationMatch>
</VirtualHost>
END

COPY <<'END' /usr/local/etc/php/conf.d/pushpaka.ini
display_errors = Off
error_log = /dev/stderr
expose_php = Off
log_errors = On
variables_order = EGPCS
END

FROM base AS build
ENV COMPOSER_ALLOW_SUPERUSER=1 \
    COMPOSER_CACHE_DIR=/root/.cache/composer
# Versions are not pinned, so that the image gets the latest security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git unzip \
    && rm -rf /var/lib/apt/lists/*
COPY --from=composer:2 /usr/bin/composer /usr/bin/composer
WORKDIR /app
COPY . /app/
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; composer install --no-dev --no-interaction --no-progress --optimize-autoloader
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; php bin/console cache:warmup --env=prod --no-debug

FROM base
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "exec apache2-foreground"]
