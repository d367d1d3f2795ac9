"""Clients as people use them, in front of a gateway: nothing leaves loopback, and every dollar is compared."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

Row = dict[str, Any]
_THEIRS = ("OPENAI_", "LANGSMITH_", "LANGCHAIN_", "LOGFIRE_", "OTEL_", "LLM_")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside, no tracing, and no step but to loopback, not even in a thread that hides it."""
    for name in list(os.environ):
        if name.startswith(_THEIRS) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    outside: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOOPBACK:
            outside.append(address)
            raise ConnectionRefusedError(f"expected connections to loopback only, got {address}")
        connect(self, address)

    def looking_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in _LOOPBACK:
            outside.append(host)
            raise socket.gaierror(f"expected names of loopback only, got {host}")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    yield
    assert outside == []


@pytest.fixture
def written(bench: Any) -> Callable[[int], list[Row]]:
    """The ledger's rows once there are so many, each the same as upstream's own bill for that answer."""
    return lambda calls: rows_of(bench, calls)


def rows_of(bench: Any, calls: int) -> list[Row]:
    """Rows in the order they were sent. Usage and cost of each are those that upstream billed."""
    total = bench.settled(calls)
    with closing(sqlite3.connect(bench.folder / "ledger.db")) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("select * from calls order by at, id")]
    bill = {line.response_id: line for line in bench.simulator.bill}

    assert len(rows) == len(bill) == calls
    for row in rows:
        line = bill[row["response_id"]]
        assert (row["input"], row["output"], row["lane"]) == (line.used.input, line.used.output, line.lane)
        assert row["served"].startswith(line.model)
        assert Decimal(row["cost"]) == line.cost
        assert not row["estimated"]
    assert total.cost == bench.simulator.bill_total > 0
    return rows
