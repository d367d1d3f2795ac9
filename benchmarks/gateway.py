"""What the gateway costs a call: `python benchmarks/gateway.py`.

Drives, one after the other and in one run, against the same local upstream: the upstream directly, a
bare reverse proxy on the same stack, the gateway with policy, ledger, keys and budgets on, and
LiteLLM's proxy where `--litellm PYTHON` names an environment that has it. Each server is pinned to
one core; upstream and load share the other. Prints calls a second, processor time a call, added
latency, memory, for JSON and event streams.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil

MODEL = "gpt-5.4-nano"
EVENTS = 24

UPSTREAM = """
import asyncio, json, sys
from aiohttp import web
usage = {"prompt_tokens": 50, "completion_tokens": 24, "total_tokens": 74}
head = {"id": "chatcmpl-1", "created": 1, "model": "gpt-5.4-nano-2026-03-17"}
whole = json.dumps({**head, "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
    "message": {"role": "assistant", "content": "word " * 24, "refusal": None}}], "usage": usage}).encode()
def chunk(delta, finish=None, usage=None, choices=True):
    found = [{"index": 0, "delta": delta, "finish_reason": finish}] if choices else []
    return b"data: " + json.dumps({**head, "object": "chat.completion.chunk", "choices": found, "usage": usage}).encode() + b"\\n\\n"
events = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": "word "}) for _ in range(EVENTS - 3)),
    chunk({}, "stop"), chunk({}, usage=usage, choices=False)]
async def answer(request):
    body = await request.read()
    if b'"stream":true' in body.replace(b" ", b""):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(event)
        await response.write(b"data: [DONE]\\n\\n")
        return response
    return web.Response(body=whole, content_type="application/json")
async def main():
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
""".replace("EVENTS", str(EVENTS))

BARE = """
import asyncio, sys
import aiohttp
from aiohttp import web
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as session:
        async def proxy(request):
            body = await request.read()
            async with session.post(sys.argv[2] + request.path, data=body, headers={"content-type": "application/json"}) as reply:
                if reply.content_type != "text/event-stream":
                    return web.Response(body=await reply.read(), status=reply.status, content_type="application/json")
                response = web.StreamResponse(headers={"content-type": "text/event-stream"})
                await response.prepare(request)
                async for piece in reply.content.iter_any():
                    await response.write(piece)
                return response
        runner = web.ServerRunner(web.Server(proxy))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

POLICY = """
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.5"
[[rule]]
name = "small work"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "benchmark"
[default]
stage = "off"
"""


def request_body(tokens: int, *, stream: bool, number: int) -> bytes:
    """A classification of about so many tokens, its newest turn new."""
    rules = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone. "
    filler = "Rules of the house hold for every ticket that comes in. " * max(0, (tokens - 40) // 11)
    messages = [
        {"role": "system", "content": rules + filler},
        {"role": "user", "content": f"I was charged twice for order {number}."},
    ]
    return msgspec.json.encode(
        {"model": "gpt-5.5", "messages": messages, "stream": stream, "max_completion_tokens": 50}
    )


class Server:
    """A server process on a core of its own."""

    def __init__(
        self, name: str, command: list[str], core: int, url: str, key: str, *, talks: bool = True, **env: str
    ) -> None:
        self.name, self.url, self.key = name, url, key
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE if talks else subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **env},
        )  # fmt: skip
        self.told = psutil.Process(self.process.pid)
        self.told.cpu_affinity([core])

    def ready(self, word: str, seconds: float = 60) -> None:
        """Wait until it says so, or answers."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end and word not in self.process.stdout.readline():
            pass

    def seconds(self) -> float:
        """Processor time so far."""
        return float(sum(self.told.cpu_times()[:2]))

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


async def drive(server: Server, *, calls: int, at_once: int, stream: bool, tokens: int) -> dict[str, float]:
    """Send calls; latency and rate."""
    bodies = [request_body(tokens, stream=stream, number=n) for n in range(200)]
    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    taken: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> None:
            start = time.perf_counter()
            async with session.post(server.url, data=bodies[number % 200], headers=headers) as reply:
                body = await reply.read()
                assert reply.status == 200, body[:300]
            taken.append(time.perf_counter() - start)

        async def many(numbers: range) -> None:
            for number in numbers:
                await one(number)

        await many(range(20))
        taken.clear()
        cpu, start = server.seconds(), time.perf_counter()
        await asyncio.gather(*(many(range(i, calls, at_once)) for i in range(at_once)))
        seconds = time.perf_counter() - start
    taken.sort()
    return {
        "calls a second": calls / seconds,
        "cpu us a call": (server.seconds() - cpu) * 1e6 / calls,
        "p50 ms": statistics.median(taken) * 1e3,
        "p99 ms": taken[int(len(taken) * 0.99)] * 1e3,
        "memory MB": server.told.memory_info().rss / 1e6,
    }


def servers(folder: Path, litellm: str | None) -> list[Server]:
    """All of them, started; the upstream first."""
    python, path = sys.executable, "/v1/chat/completions"
    started = [Server("direct", [python, "-c", UPSTREAM, "9301"], 0, f"http://127.0.0.1:9301{path}", "sk-x")]
    started[0].ready("ready")
    started.append(
        Server(
            "bare aiohttp proxy",
            [python, "-c", BARE, "9302", "http://127.0.0.1:9301"],
            1,
            f"http://127.0.0.1:9302{path}",
            "sk-x",
        )
    )
    started[1].ready("ready")
    (folder / "tierwise.toml").write_text(POLICY)
    tierwise = [python, "-m", "tierwise"]
    made = subprocess.run(
        [*tierwise, "keys", "create", "bench", "--month", "1000000", "--ledger", str(folder / "l.db")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    serve = ["serve", "--policy", str(folder / "tierwise.toml"), "--ledger", str(folder / "l.db"), "--spool"]
    started.append(
        Server(
            "tierwise, everything on",
            [
                *tierwise,
                *serve,
                str(folder / "spool"),
                "--upstream",
                "http://127.0.0.1:9301/v1",
                "--port",
                "9303",
            ],
            1,
            f"http://127.0.0.1:9303{path}",
            made.stdout.strip(),
            OPENAI_API_KEY="sk-x",
        )
    )
    started[2].ready("serving")
    if litellm is not None:
        started.append(_litellm(folder, litellm, path))
    return started


def _litellm(folder: Path, python: str, path: str) -> Server:
    config = folder / "litellm.yaml"
    config.write_text(
        textwrap.dedent("""
        model_list:
          - model_name: gpt-5.5
            litellm_params: {model: openai/gpt-5.4-nano, api_base: "http://127.0.0.1:9301/v1", api_key: sk-x}
        """)
    )
    command = [str(Path(python).parent / "litellm"), "--config", str(config), "--port", "9304"]
    # Its prices are not asked for over the network, and it may start without a key of its own.
    env = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    server = Server("litellm proxy", command, 1, f"http://127.0.0.1:9304{path}", "sk-x", talks=False, **env)
    for _ in range(120):
        time.sleep(0.5)
        if any(c.laddr.port == 9304 for c in psutil.net_connections("tcp") if c.laddr):
            break
    time.sleep(3)
    return server


def main() -> None:
    """One table a kind of traffic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--litellm", help="Python of an environment with litellm[proxy]")
    parser.add_argument("--memory", type=int, default=0, help="calls after which memory is read again")
    options = parser.parse_args()
    os.sched_setaffinity(0, {0})
    print(
        f"{platform.machine()}, Python {platform.python_version()}, one core a server, load and upstream on the other"
    )
    with tempfile.TemporaryDirectory() as place:
        started = servers(Path(place), options.litellm)
        try:
            for tokens, stream, at_once in (
                (50, False, 1),
                (50, False, 16),
                (50, True, 16),
                (500, False, 16),
                (2_000, False, 16),
            ):
                print(f"\n{tokens} tokens, {'24 events' if stream else 'JSON'}, {at_once} at once")
                print(
                    f"{'':26}{'calls/s':>9}{'x bare':>8}{'cpu us':>8}{'x bare':>8}{'p50 ms':>8}{'p99 ms':>8}{'MB':>7}"
                )
                bare: dict[str, Any] = {}
                for server in started:
                    calls = options.calls // (8 if server.name.startswith("litellm") else 1)
                    found = asyncio.run(
                        drive(server, calls=calls, at_once=at_once, stream=stream, tokens=tokens)
                    )
                    bare = found if server.name.startswith("bare") else bare
                    rate = f"{found['calls a second'] / bare['calls a second']:.2f}" if bare else ""
                    cpu = f"{found['cpu us a call'] / bare['cpu us a call']:.2f}" if bare else ""
                    print(
                        f"{server.name:26}{found['calls a second']:9.0f}{rate:>8}{found['cpu us a call']:8.0f}{cpu:>8}"
                        f"{found['p50 ms']:8.2f}{found['p99 ms']:8.2f}{found['memory MB']:7.0f}"
                    )
            if options.memory:
                found = asyncio.run(
                    drive(started[2], calls=options.memory, at_once=16, stream=False, tokens=50)
                )
                print(f"\nafter {options.memory:,} more calls the gateway has {found['memory MB']:.0f} MB")
        finally:
            for server in reversed(started):
                server.stop()


if __name__ == "__main__":
    main()
