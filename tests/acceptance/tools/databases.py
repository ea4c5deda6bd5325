"""An application that keeps its data in a PostgreSQL database."""

from pathlib import Path

from tests.acceptance.tools.apps import program, repository_of

from pushpaka_core.testing.repositories import Repository

_APP = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg


def visits(statement):
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (id serial)")
        connection.execute(statement)
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        adds = self.path == "/visit"
        body = str(visits("INSERT INTO visits DEFAULT VALUES" if adds else "SELECT 1")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def visits_app(path: Path) -> Repository:
    """
    Create the repository of an application that counts visits in its database.

    `/visit` adds a visit, and each page shows the number of visits.
    """
    return repository_of(path, {**program(_APP), "requirements.txt": "psycopg[binary]>=3.2\n"})
