"""Images built from Debian packages that stand in for the other images in compose.yaml."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

PYTHON = "python:3.13-slim"
_SERVERS = f"""\
FROM {PYTHON}
RUN apt-get update -qq \\
    && apt-get install -y -qq --no-install-recommends postgresql redis-server \\
    && rm -rf /var/lib/postgresql && mkdir -p /var/lib/postgresql/data
"""
_POSTGRES = f"""\
{_SERVERS}
ENV PGDATA=/var/lib/postgresql/data
COPY start /start
ENTRYPOINT ["sh", "/start"]
"""
_START = """\
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ "$(id -u)" = 0 ]; then
    mkdir -p /run/postgresql
    chown postgres /run/postgresql "$PGDATA"
    chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --clear-groups sh /start
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --no-sync
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -j postgres
fi
exec postgres -c listen_addresses='*'
"""
_TRAEFIK = f'FROM {PYTHON}\nCOPY traefik /usr/local/bin/\nENTRYPOINT ["traefik"]\n'

STAND_INS: Mapping[str, str] = {"postgres": _POSTGRES, "redis": _SERVERS, "traefik": _TRAEFIK}


def build(name: str, tag: str) -> None:
    """Build the image that stands in for *name*, and tag it with *tag*."""
    with TemporaryDirectory() as directory:
        context = Path(directory)
        (context / "Dockerfile").write_text(STAND_INS[name])
        (context / "start").write_text(_START)
        if name == "traefik":
            shutil.copy(Path(sys.prefix, "bin", "traefik"), context)
        subprocess.run(["docker", "build", "--quiet", "--tag", tag, context], check=True)
