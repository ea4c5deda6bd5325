# The Pushpaka image, for the API or for workers with the runtime "docker". See docs/operate/containers.md.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS wheel
WORKDIR /source
RUN --mount=type=cache,target=/root/.cache/pip pip install --quiet --root-user-action=ignore build
COPY . .
# A fixed time for all files in the wheel, so that the same sources build the same wheel.
ENV SOURCE_DATE_EPOCH=1577836800
RUN --mount=type=cache,target=/root/.cache/pip python -m build --wheel --outdir /wheels

FROM ${PYTHON} AS installed
ARG EXTRAS=serve,postgres,redis,notifications
RUN python -m venv /opt/pushpaka
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    --mount=type=cache,target=/root/.cache/pip \
    set -- /wheels/*.whl && /opt/pushpaka/bin/pip install --quiet "pushpaka[${EXTRAS}] @ file://$1" \
    && /opt/pushpaka/bin/pip uninstall --quiet --yes pip \
    && /opt/pushpaka/bin/pushpaka --version

FROM ${PYTHON}
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends \
       ca-certificates docker-buildx docker-cli git iptables openssh-client \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache \
    && groupadd --gid 10001 pushpaka \
    && useradd --uid 10001 --gid pushpaka --home-dir /var/lib/pushpaka --no-log-init pushpaka \
    && install --directory --owner pushpaka --group pushpaka /var/lib/pushpaka
COPY --from=installed /opt/pushpaka /opt/pushpaka
ENV PATH=/opt/pushpaka/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PUSHPAKA_DATA_DIRECTORY=/var/lib/pushpaka \
    PUSHPAKA_LOG_FORMAT=json
USER pushpaka
WORKDIR /var/lib/pushpaka
VOLUME /var/lib/pushpaka
EXPOSE 8080
STOPSIGNAL SIGTERM
# Health check of the API. Workers have no port, and are started with `--no-healthcheck`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ.get('PUSHPAKA_PORT', '8080')}/health\", timeout=4)"]
ENTRYPOINT ["pushpaka"]
CMD ["serve"]
