"""An API in a process of its own: it keeps things in a database, and deploys in memory."""

import sys
from secrets import token_bytes

import anyio
from attrs import evolve
from tests.http.clients import REPO, UNLIMITED
from tests.services.platform import WEB_APP

from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.key_maker import Ed25519KeyMaker
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.application import assemble
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.parts import Options
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_worker import open_worker

COMMIT = MemoryCommit(sha="abc1234" + "0" * 33, files=WEB_APP)


async def main(database_url: str) -> None:
    """Serve until the process is killed, and print the port."""
    async with open_storage(database_url, migrate=True) as storage:
        adapters = evolve(
            memory_adapters(),
            storage=storage,
            source=MemorySource(repositories={REPO: {"main": [COMMIT]}}),
            signer=JwtSigner(key=token_bytes(32)),
            cipher=AesGcmCipher(keys={"k": token_bytes(32)}, current="k"),
            key_maker=Ed25519KeyMaker(),
        )
        application = assemble(adapters, Options())
        app = create_app(application, limits=UNLIMITED)
        with listening("127.0.0.1", 0) as listener:
            async with open_worker(application), serving(app, listener):
                sys.stdout.write(f"{listener.getsockname()[1]}\n")
                sys.stdout.flush()
                await anyio.sleep_forever()


anyio.run(main, sys.argv[1])
