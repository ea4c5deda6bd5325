FROM debian:trixie-slim

COPY . /app/
COPY --from=caddy:2 /usr/bin/caddy /usr/bin/caddy
# pushpaka is an additional build context, not a stage.
# hadolint ignore=DL3022
COPY --from=pushpaka pushpaka-site.json /etc/pushpaka-site.json
RUN mkdir -p /srv && ln -s /app/public /srv/site
WORKDIR /srv/site
USER 65532:65532
CMD ["caddy", "run", "--config", "/etc/pushpaka-site.json"]
