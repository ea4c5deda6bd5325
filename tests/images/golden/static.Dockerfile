FROM caddy:2
# pushpaka is an additional build context, not a stage.
# hadolint ignore=DL3022
COPY --from=pushpaka pushpaka-site.json /etc/pushpaka-site.json
COPY public/ /srv/site/
WORKDIR /srv/site
USER 65532:65532
CMD ["caddy", "run", "--config", "/etc/pushpaka-site.json"]
