"""What is gone for a while: the database, the spool, the gateway itself. What is said, and what is made good."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.errors import ConfigurationError
from tierwise.gateway import Options, Settings, serving

ASK: Any = {"model": "gpt-5.4-nano", "input": "Hi", "max_output_tokens": 20}


def get(bench: Any, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(bench.base_url.removesuffix("/v1") + path, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def until(true: Any, seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def gone(bench: Any) -> None:
    """A file that is no database stands where it was."""
    bench.ledger.engine.dispose()
    for path in list(bench.folder.glob("ledger.db*")):
        path.rename(path.with_name("away-" + path.name))
    (bench.folder / "ledger.db").mkdir()


def back(bench: Any) -> None:
    (bench.folder / "ledger.db").rmdir()
    for path in list(bench.folder.glob("away-ledger.db*")):
        path.rename(path.with_name(path.name.removeprefix("away-")))


def refused(client: openai.OpenAI) -> str:
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(**ASK)
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"]
    return str(caught.value.code)


def test_without_the_database_calls_go_on_as_far_as_was_leased_and_all_is_folded_once_it_is_back(
    start: Any, tmp_path: Path
) -> None:
    bench = start(settings=Settings(spool=tmp_path / "spool", fold_every=0.05, keys_remembered=0.3))
    known, strange = bench.client(bench.key("known")), bench.client(bench.key("strange"))
    small = bench.client(bench.key("small", budget={"day": "0.05"}))
    for client in (known, small):
        client.responses.create(**ASK)
    bench.settled(2)
    gone(bench)
    count = 2
    for _ in range(10):
        known.responses.create(**ASK)
        count += 1
    assert refused(strange) == "ledger_unavailable", "nobody knows the key"
    went, code = 0, ""
    while not code and went < 200:
        try:
            small.responses.create(**ASK)
            went += 1
        except openai.InternalServerError as error:
            code = str(error.code)
    count += went
    assert code == "ledger_unavailable"
    assert count > 13, "what was leased went on"
    assert get(bench, "/healthz")[0] == 200
    until(lambda: get(bench, "/readyz")[0] == 503)
    assert "ledger" in get(bench, "/readyz")[1]["why"]
    assert refused(known) == "ledger_unavailable", "the key was remembered for ten times its age"
    back(bench)
    total = bench.settled(count)
    assert total.calls == count == len(bench.simulator.bill)
    assert total.cost == bench.simulator.bill_total
    until(lambda: get(bench, "/readyz") == (200, {"status": "ok"}))
    strange.with_options(max_retries=5).responses.create(**ASK)


def test_what_cannot_be_written_down_does_not_go_and_goes_again_once_it_can(
    start: Any, tmp_path: Path
) -> None:
    bench = start()
    client = bench.client(bench.key(budget={"day": "1"}))
    client.responses.create(**ASK)
    spool, folder = bench.running.serving.spool, tmp_path / "spool"
    bench.settled(1)
    # Root is refused nothing by permissions: a file stands where the folder was.
    folder.rename(tmp_path / "away")
    folder.write_bytes(b"")
    until(lambda: get(bench, "/readyz")[0] == 503)
    assert "written down" in get(bench, "/readyz")[1]["why"]
    assert get(bench, "/healthz")[0] == 200
    assert refused(client) == "ledger_unavailable"
    assert bench.simulator.requests == 1
    folder.unlink()
    until(lambda: get(bench, "/readyz")[0] == 200)
    client.responses.create(**ASK)
    assert bench.settled(2).cost == bench.simulator.bill_total
    assert spool.path.exists()


def test_a_gateway_that_is_stopping_says_so_while_it_lingers(start: Any, tmp_path: Path) -> None:
    bench = start(settings=Settings(spool=tmp_path / "spool", linger=1.0))
    client = bench.client()
    assert get(bench, "/readyz")[0] == 200
    stopping = threading.Thread(target=bench.running.stop)
    stopping.start()
    until(lambda: get(bench, "/readyz")[0] == 503, seconds=0.8)
    assert get(bench, "/readyz")[1]["why"] == "the gateway is stopping"
    assert get(bench, "/healthz")[0] == 200
    client.responses.create(**ASK)
    stopping.join()
    bench.running.stop = lambda: None


def test_routing_that_is_off_is_off_from_the_first_call(bench: Any) -> None:
    bench.ledger.set_flag("routing", "off", "kim")
    key = bench.key()
    bench.running.stop()
    bench.running = type(bench.running)(bench.options)
    reply = bench.client(key).responses.with_raw_response.create(
        model="gpt-5.5", instructions="Classify as a or b. Answer with the letter.", input="x"
    )
    assert reply.parse().model.startswith("gpt-5.5")


@pytest.mark.parametrize("missing", ["ledger", "policy", "spool"])
def test_a_gateway_without_ledger_policy_or_spool_does_not_begin_to_listen(
    tmp_path: Path, missing: str
) -> None:
    (tmp_path / "file").write_bytes(b"no database, no policy, no folder")
    there = {"ledger": str(tmp_path / "l.db"), "policy": None, "settings": Settings(spool=tmp_path / "spool")}
    options: dict[str, Any] = {
        "ledger": {"ledger": str(tmp_path / "file" / "l.db")},
        "policy": {"policy": tmp_path / "file"},
        "spool": {"settings": Settings(spool=tmp_path / "file" / "spool")},
    }[missing]

    async def begin() -> None:
        async with serving(Options(**{**there, "port": 0, **options})):
            raise AssertionError("it listens")

    with pytest.raises(ConfigurationError):
        asyncio.run(begin())


def test_a_call_whose_labels_are_no_text_is_in_the_ledger_too(bench: Any) -> None:
    headers = {"authorization": f"Bearer {bench.key()}", "content-type": "application/json"}
    # Sent as the byte 0xff, which is no UTF-8.
    headers |= {"x-tierwise-session": "s\xff", "x-tierwise-tags": "a,\xff", "x-tierwise-name": "\xff" * 190}
    asked = urllib.request.Request(f"{bench.base_url}/responses", json.dumps(ASK).encode(), headers)
    with urllib.request.urlopen(asked, timeout=10) as reply:
        assert reply.status == 200
    assert bench.settled(1).cost == bench.simulator.bill_total
