"""Readers of third-party formats, small records of each, and the samples where they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tierwise.calls import Place, Record
from tierwise.calls._format import Format

FIXTURES = Path(__file__).parent / "fixtures"
SAMPLES = Path(__file__).parents[3] / "../shared/data/logs"
PLACE = Place(file=3, line=7)

Reader = Callable[[str, Any], list[Record]]


@pytest.fixture
def fixture() -> Callable[[str], dict[str, Any]]:
    return lambda name: json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def sample() -> Callable[[str], str]:
    def text(name: str) -> str:
        path = SAMPLES / name
        if not path.is_file():
            pytest.skip("shared data is absent")
        return path.read_text("utf-8")

    return text


@pytest.fixture
def format_of() -> Callable[[str], Format]:
    return lambda name: import_module(f"tierwise.calls._formats.{name}").FORMAT


@pytest.fixture
def read(format_of: Callable[[str], Format]) -> Reader:
    """Records of one object, given as a value or as JSON text."""

    def records(name: str, item: Any) -> list[Record]:
        raw = item.encode() if isinstance(item, str) else json.dumps(item).encode()
        reader = format_of(name).read
        assert reader is not None
        return list(reader(raw, PLACE))

    return records


@pytest.fixture
def read_sql(format_of: Callable[[str], Format]) -> Iterator[Callable[[str], list[Record]]]:
    """Records of a database built from an SQL script, opened so that it cannot be written."""
    opened: list[sqlite3.Connection] = []

    def records(script: str) -> list[Record]:
        connection = sqlite3.connect(":memory:")
        opened.append(connection)
        connection.executescript(script)
        connection.execute("pragma query_only = on")
        reader = format_of("llm_sqlite").read_database
        assert reader is not None
        return list(reader(connection, 3))

    yield records
    for connection in opened:
        connection.close()
