"""Recorded exchanges with OpenAI through the gateway: bodies arrive as they were sent, replies byte for byte."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tierwise.calls import decode_recorded, parse_response
from tierwise.catalog import Catalog
from tierwise.errors import CatalogError, RequestError
from tierwise.gateway import Options, Settings, serving

SHARED = Path(__file__).parents[2] / "../shared/data/wire/openai_exchanges.jsonl.gz"
OFF = 'version = 1\nladder = "gpt-5.4"\n[default]\nstage = "off"\n'


def exchanges() -> list[dict[str, Any]]:
    if not SHARED.exists():
        pytest.skip("the recordings are not on this machine")
    with gzip.open(SHARED, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def wire(value: Any) -> bytes:
    """A body as it went over the wire: text of a stream, or JSON."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else json.dumps(value, separators=(",", ":")).encode()


async def replay(
    found: list[dict[str, Any]], options: Any
) -> tuple[list[bytes], list[tuple[int, bytes]], Any]:
    """What arrived upstream, what came back to the caller, and the ledger's lines."""
    arrived: list[bytes] = [b""] * len(found)

    async def answer(request: web.BaseRequest) -> web.Response:
        number = int(request.headers["x-replay"])
        arrived[number] = await request.read()
        one = found[number]
        kind = (one["headers"].get("content-type") or ["application/json"])[0]
        response = web.Response(status=one["status"], body=wire(one["response"]))
        response.headers["content-type"] = kind
        response.headers["x-request-id"] = f"req_{number}"
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    came: list[tuple[int, bytes]] = []
    async with serving(options(f"http://127.0.0.1:{port}/v1")) as gateway, aiohttp.ClientSession() as session:
        root = gateway.base_url.removesuffix("/v1")
        for number, one in enumerate(found):
            headers = {
                "authorization": "Bearer sk-own",
                "x-replay": str(number),
                "content-type": "application/json",
            }
            body = wire(one["request"]) or None
            async with session.request(one["method"], root + one["url"], data=body, headers=headers) as reply:
                came.append((reply.status, await reply.read()))
                assert reply.headers["x-request-id"] == f"req_{number}"
        await asyncio.to_thread(gateway.ledger.fold, gateway.spool.path)
        lines = [decode_recorded(line.rstrip(b"\n")) for line in gateway.ledger.lines()]
    await runner.cleanup()
    return arrived, came, lines


@pytest.mark.parametrize("how", ["observe", "off"])
def test_every_recorded_exchange_passes_unchanged_with_its_usage_and_money(tmp_path: Path, how: str) -> None:
    found = exchanges()
    (tmp_path / "off.toml").write_text(OFF)

    def options(upstream: str) -> Options:
        return Options(
            policy=tmp_path / "off.toml" if how == "off" else None,
            ledger=str(tmp_path / "l.db"),
            upstream=upstream,
            own_keys=True,
            port=0,
            settings=Settings(spool=tmp_path / "spool", fold_every=60),
        )

    arrived, came, lines = asyncio.run(replay(found, options))
    asked_for_usage = 0
    for number, one in enumerate(found):
        sent, status = wire(one["request"]), one["status"]
        if arrived[number] != sent:
            # The one change that is made to a call as asked: a Chat stream tells its usage.
            body = json.loads(arrived[number])
            assert body.pop("stream_options")["include_usage"] is True
            assert body == {k: v for k, v in one["request"].items() if k != "stream_options"}
            asked_for_usage += 1
            continue
        assert came[number] == (status, wire(one["response"])), number
    assert asked_for_usage == 0 if how == "observe" else asked_for_usage <= 28
    check_usage(found, lines)


def check_usage(found: list[dict[str, Any]], lines: Any) -> None:
    """Tokens as the reply alone says, and what they cost today."""
    catalog, today = Catalog.open(), dt.datetime.now(dt.UTC).date()
    # Some ids are blanked in the recordings, so that several calls have one: they come in order.
    by_id: dict[str, list[Any]] = {}
    for line in lines:
        by_id.setdefault(line.id or "", []).append(line)
    priced, checked = 0, 0
    for one in found:
        try:
            response = parse_response(one["url"], wire(one["response"]))
        except RequestError:
            continue
        if response.tokens is None or one["url"].endswith("/compact"):
            continue
        if one["method"] != "POST" or one["url"].partition("?")[0].rpartition("/")[2] not in {
            "completions",
            "responses",
            "embeddings",
        }:
            continue
        line = by_id[response.id or ""].pop(0)
        checked += 1
        assert line.tokens == response.tokens
        try:
            card = catalog.rate_card(response.model or "", line.lane, at=today)
            fees = sum(
                (catalog.hosted_fee(kind, today) * n for kind, n in response.hosted.items()), Decimal(0)
            )
            assert line.cost == card.cost(response.tokens).total + fees
            priced += 1
        except CatalogError:
            assert line.cost is None
    assert checked > 200
    assert priced > 150
