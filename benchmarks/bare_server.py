"""
A minimal Litestar application with SQLAlchemy and a health endpoint that queries the
database.
"""

import sys

import sqlalchemy as sa
import uvicorn
from litestar import Litestar, get
from sqlalchemy.ext.asyncio import create_async_engine

_engine = create_async_engine(f"sqlite+aiosqlite:///{sys.argv[2]}")


@get("/api/v1/health")
async def health() -> dict[str, int]:
    """Query the database."""
    async with _engine.connect() as connection:
        return {"status": await connection.scalar(sa.text("SELECT 1")) or 0}


if __name__ == "__main__":
    uvicorn.run(Litestar([health]), port=int(sys.argv[1]), log_level="warning")
