"""A program that serves an API with a database, and deploys with the memory adapters."""

import sys
from secrets import token_bytes

import anyio
from attrs import evolve
from tests.http.clients import REPO, UNLIMITED
from tests.platform_fixtures import WEB_APP

from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.key_pairs import Ed25519KeyPairGenerator
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import assemble
from pushpaka_http.app import create_app
from pushpaka_http.cli.server.http_server import open_listener, open_server
from pushpaka_worker import open_worker

COMMIT = MemoryCommit(sha="abc1234" + "0" * 33, files=WEB_APP)


async def main(database_url: str) -> None:
    """Serve the API, print its port, and continue until the process is killed."""
    async with open_storage(database_url, migrate=True) as storage:
        adapters = evolve(
            memory_adapters(),
            storage=storage,
            source=MemorySource(repositories={REPO: {"main": [COMMIT]}}),
            signer=JwtSigner(key=token_bytes(32)),
            cipher=AesGcmCipher(keys={"k": token_bytes(32)}, current_key_id="k"),
            key_pair_generator=Ed25519KeyPairGenerator(),
        )
        application = assemble(adapters, Options())
        app = create_app(application, limits=UNLIMITED)
        with open_listener("127.0.0.1", 0) as listener:
            async with open_worker(application), open_server(app, listener):
                sys.stdout.write(f"{listener.getsockname()[1]}\n")
                sys.stdout.flush()
                await anyio.sleep_forever()


anyio.run(main, sys.argv[1])
