"""Beside LiteLLM's proxy: in front of it, behind it, and as a service that it asks.

Each proxy is started with a configuration of docs/gateway.md as it stands there. The environment variable
TIERWISE_LITELLM names a Python that has `litellm[proxy]`; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.simulator import Fault

ROOT = Path(__file__).parent.parent.parent
PYTHON = os.environ.get("TIERWISE_LITELLM", "")
MASTER = "sk-master"
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
MESSAGES: list[Any] = [
    {"role": "system", "content": CLASSIFY},
    {"role": "user", "content": "I was charged twice."},
]
DEEP: list[Any] = [
    {"role": "user", "content": "Prove that there are infinitely many primes. Think step by step."}
]
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="TIERWISE_LITELLM names no Python that has litellm[proxy] installed"
)


def configuration(number: int) -> str:
    """One of the files that docs/gateway.md shows under 'With LiteLLM'."""
    page = (ROOT / "docs" / "gateway.md").read_text("utf-8").partition("## With LiteLLM")[2]
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[number]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def litellm(folder: Path, number: int, port: int | None = None, **env: str) -> Iterator[str]:
    """LiteLLM's proxy with a configuration of the docs; its base URL."""
    (folder / "litellm.yaml").write_text(configuration(number), "utf-8")
    port = port or free_port()
    where = ["--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", f"{port}"]
    # Its prices are not asked for over the network; the source of tierwise stands for `pip install tierwise`.
    given = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(ROOT / "src"), **env}
    log = folder / "litellm.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PYTHON, "-m", "litellm.proxy.proxy_cli", *where],
            env={**os.environ, "LITELLM_MASTER_KEY": MASTER, **given},
            cwd=folder, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/health/liveliness", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"LiteLLM's proxy did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


@contextmanager
def sdk(url: str, key: str) -> Iterator[openai.OpenAI]:
    """The official SDK, every call sent once."""
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


def asked_in_every_way(client: openai.OpenAI) -> int:
    """Calls that the policy moves, streaming or not, by both endpoints; how many."""
    assert client.chat.completions.create(model="gpt-5.5", messages=MESSAGES).choices[0].message.content
    chunks = list(client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert client.responses.create(
        model="gpt-5.5", instructions=CLASSIFY, input="Where is my parcel?"
    ).output_text
    with client.responses.create(
        model="gpt-5.5", instructions=CLASSIFY, input="Where is it?", stream=True
    ) as events:
        assert list(events)[-1].type == "response.completed"
    return 4


def rows(bench: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bench.ledger.lines()]


def sent(bench: Any) -> list[str]:
    """Models that came to the simulator."""
    return [re.findall(rb'"model": ?"([^"]+)"', seen.body)[0].decode() for seen in bench.simulator.received]


def test_in_front_of_litellm(start: Callable[..., Any], tmp_path: Path) -> None:
    """Callers, tierwise, LiteLLM, upstream: decided, sent by LiteLLM, and the money adds up."""
    port = free_port()
    bench = start(upstream=f"http://127.0.0.1:{port}/v1", upstream_key=MASTER)
    proxied = litellm(tmp_path, 0, port, OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=bench.simulator.base_url)
    with proxied, sdk(bench.base_url, bench.key()) as client:
        calls = asked_in_every_way(client)
        assert sent(bench) == ["gpt-5.4-nano"] * calls
        raw = client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=MESSAGES)
        assert raw.headers["x-tierwise-rung"] == "gpt-5.4-nano (none)"
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="no-such", messages=MESSAGES)
    assert bench.settled(calls + 2).cost == bench.simulator.bill_total > 0


def test_behind_litellm(start: Callable[..., Any], tmp_path: Path) -> None:
    """Callers, LiteLLM, tierwise, upstream: LiteLLM sees one more OpenAI."""
    bench = start()
    proxied = litellm(tmp_path, 1, TIERWISE_URL=bench.base_url, TIERWISE_KEY=bench.key())
    with proxied as proxy, sdk(proxy, MASTER) as client:
        calls = asked_in_every_way(client)
        assert sent(bench) == ["gpt-5.4-nano"] * calls
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
        assert raw.headers["llm_provider-x-tierwise-rung"] == "gpt-5.4-nano (none)"
    assert bench.settled(calls + 1).cost == bench.simulator.bill_total > 0


def test_beside_litellm_as_a_decision_service(start: Callable[..., Any], tmp_path: Path) -> None:
    """LiteLLM asks and sends: no reply passes through the gateway, and its ledger has every call."""
    bench = start(faults=[Fault(kind="slow_bytes", at=(8,), seconds=0.2)])
    env = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": bench.simulator.base_url}
    proxied = litellm(tmp_path, 2, TIERWISE_URL=bench.base_url, TIERWISE_KEY=bench.key(), **env)
    with proxied as proxy, sdk(proxy, MASTER) as client:
        calls = asked_in_every_way(client)
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
        assert raw.headers["x-tierwise-rung"] == "gpt-5.4-nano"
        client.chat.completions.create(model="gpt-5.5", messages=DEEP)
        client.embeddings.create(model="text-embedding-3-small", input="x")
        assert sent(bench) == ["gpt-5.4-nano"] * (calls + 1) + ["gpt-5.5", "text-embedding-3-small"]
        total = bench.settled(calls + 3)
        assert total.cost == bench.simulator.bill_total > 0
        assert total.as_asked > total.cost
        row = bench.ledger.call(raw.headers["x-tierwise-decision"])
        assert (row["asked"], row["rung"], row["moved"]) == ("auto", "gpt-5.4-nano (none)", True)
        with client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True) as chunks:
            next(iter(chunks))
        bench.settled(calls + 4)
        (left,) = [row for row in rows(bench) if row["status"] == "abandoned"]
        assert left["estimated"]


def test_a_litellm_whose_decision_service_is_dead_sends_every_call_as_asked(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    bench = start()
    env = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": bench.simulator.base_url}
    dead = f"http://127.0.0.1:{free_port()}/v1"
    with (
        litellm(tmp_path, 2, TIERWISE_URL=dead, TIERWISE_KEY="tw-x", **env) as proxy,
        sdk(proxy, MASTER) as client,
    ):
        calls = asked_in_every_way(client)
    assert sent(bench) == ["gpt-5.5"] * calls
    log = (tmp_path / "litellm.log").read_text("utf-8")
    assert log.count("the decision service cannot be reached: ClientConnectorError") == 1


LIMITED = """
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.4"
[limits]
approved = ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4"]
[[rule]]
name = "small work"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""


def test_litellm_refuses_calls_outside_the_owners_limits_and_every_try_is_told(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "limited.toml").write_text(LIMITED, "utf-8")
    bench = start(policy=tmp_path / "limited.toml", faults=[Fault(kind="server_error", at=(1,))])
    env = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": bench.simulator.base_url}
    proxied = litellm(tmp_path, 2, TIERWISE_URL=bench.base_url, TIERWISE_KEY=bench.key(), **env)
    with proxied as proxy, sdk(proxy, MASTER) as client:
        with pytest.raises(openai.PermissionDeniedError, match="refused by the policy"):
            client.chat.completions.create(model="gpt-5.5", messages=DEEP)
        assert sent(bench) == []
        assert client.chat.completions.create(model="auto", messages=MESSAGES)
    assert bench.settled(3).cost == bench.simulator.bill_total > 0
    ends = [(row["status"], row.get("error")) for row in rows(bench)]
    assert ends == [("error", "tierwise_limits"), ("error", "InternalServerError"), ("ok", None)]
