"""curl, as it stands in every guide: what somebody tries first."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
TICKET = "I was charged twice."
BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {
        "model": "gpt-5.5",
        "messages": [{"role": "system", "content": CLASSIFY}, {"role": "user", "content": TICKET}],
    },
    "responses": {"model": "gpt-5.5", "instructions": CLASSIFY, "input": TICKET},
}
PATHS = pytest.mark.parametrize("path", list(BODIES))


def curl(url: str, key: str, body: Any, *words: str) -> tuple[int, dict[str, str], str]:
    """Status, headers in lower case, and body."""
    command = [
        str(CURL), "-sS", "-q", "--noproxy", "*", "--max-time", "30", "-i", url, *words,
        "-H", "Content-Type: application/json", "-H", f"Authorization: Bearer {key}", "-d", json.dumps(body),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    head, _, text = done.stdout.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, text


@PATHS
def test_a_call_is_answered_in_json_and_its_headers_tell_rung_and_cost(
    bench: Any, written: Callable[..., Any], path: str
) -> None:
    status, headers, text = curl(f"{bench.base_url}/{path}", bench.key(), BODIES[path])

    assert status == 200
    assert json.loads(text)["model"].startswith("gpt-5.4-nano")
    (row,) = written(1)
    assert headers["x-tierwise-decision"] == row["id"]
    assert headers["x-tierwise-rung"] == row["rung"] == "gpt-5.4-nano (none)"
    assert Decimal(headers["x-tierwise-cost"]) == Decimal(row["cost"]) == bench.simulator.bill_total


@PATHS
def test_a_stream_comes_as_server_sent_events_to_its_end(
    bench: Any, written: Callable[..., Any], path: str
) -> None:
    body = BODIES[path] | {"stream": True}
    status, headers, text = curl(f"{bench.base_url}/{path}", bench.key(), body, "-N")

    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    if path == "responses":
        last = json.loads(data[-1])
        assert last["type"] == "response.completed"
        assert last["response"]["usage"]["output_tokens"] == written(1)[0]["output"]
    else:
        assert data[-1] == "[DONE]"
        chunks = [json.loads(piece) for piece in data[:-1]]
        assert all(chunk["choices"] and chunk.get("usage") is None for chunk in chunks), "nobody asked for it"
        assert written(1)[0]["output"] > 0


@PATHS
def test_a_wrong_key_is_told_so_in_openais_form_and_nothing_is_sent(bench: Any, path: str) -> None:
    status, _, text = curl(f"{bench.base_url}/{path}", "tw-none-such", BODIES[path])

    assert (status, json.loads(text)["error"]["code"]) == (401, "invalid_api_key")
    assert bench.simulator.requests == 0
