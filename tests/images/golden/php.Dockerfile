FROM php:8.4-apache
ENV APACHE_LOCK_DIR=/tmp/apache2 \
    APACHE_PID_FILE=/tmp/apache2/apache2.pid \
    APACHE_RUN_DIR=/tmp/apache2
RUN a2enmod -q rewrite

COPY <<'END' /etc/apache2/ports.conf
Listen ${PORT}
END

COPY <<'END' /etc/apache2/sites-available/000-default.conf
ServerName localhost
<VirtualHost *:${PORT}>
    DocumentRoot "/app"
    ErrorLog /dev/stderr
    <Directory "/app">
        Options FollowSymLinks
        AllowOverride All
        Require all granted
        DirectoryIndex index.php index.html
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

COPY . /app/
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "exec apache2-foreground"]
