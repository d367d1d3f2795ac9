"""What our client costs over a bare aiohttp client, on the same server in the same run.

    python benchmarks/upstream.py [--calls 1000] [--at-once 16] [--rounds 15]

The server is a process of its own and answers from memory: a JSON reply of about 600 bytes, or a
stream of 24 events. Both clients take turns, round by round; the figures are those of each client's
best round, which other load on the machine disturbs least.
'bare' posts the bytes and reads the reply. 'tierwise' sends through `Upstream`, with its timeouts,
retries, header hygiene and attempts. 'tierwise, read along' also cuts events and watches usage.
Read the ratios: the absolute numbers are those of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import aiohttp

from tierwise.calls import Outgoing
from tierwise.upstream import EventSplitter, StreamWatch, Upstream

BODY = b'{"model":"gpt-5.4","messages":[{"role":"user","content":"' + b"word " * 100 + b'"}]}'
HEADERS = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", "bench"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-stainless-lang", "python"),
)
REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5.4","choices":[],"x":"' + b"a" * 500 + b'"}'
)
_CHUNK = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5.4-2026-03-05",'
    b'"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}],"usage":null}\n\n'
)
_USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5.4-2026-03-05",'
    b'"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":22}}\n\n'
)
EVENTS = [*[_CHUNK] * 22, _USAGE, b"data: [DONE]\n\n"]
_HEAD = b"HTTP/1.1 200 OK\r\nx-request-id: req_1\r\nx-ratelimit-remaining-requests: 9999\r\n"


class Answers(asyncio.Protocol):
    """HTTP/1.1, as little of it as the two clients need, so that the server is not what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.got = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self.got += data
        head, found, rest = self.got.partition(b"\r\n\r\n")
        if not found or len(rest) < len(BODY):
            return
        self.got = b""
        if b"/stream " in head.partition(b"\r\n")[0]:
            self.transport.write(
                _HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            self.event(0)
        else:
            kind = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(REPLY)
            self.transport.write(_HEAD + kind + REPLY)

    def event(self, at: int) -> None:
        """Write the events one by one, letting other connections in between."""
        if self.transport.is_closing():
            return
        self.transport.write(b"%x\r\n%s\r\n" % (len(EVENTS[at]), EVENTS[at]))
        if at + 1 < len(EVENTS):
            asyncio.get_running_loop().call_soon(self.event, at + 1)
        else:
            self.transport.write(b"0\r\n\r\n")


def serve(port: Connection) -> None:
    """Run the server and tell its port."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


Call = Callable[[], Awaitable[None]]


def bare(session: aiohttp.ClientSession, url: str) -> Call:
    """A call as one would write it without us."""
    headers = {**dict(HEADERS), "authorization": "Bearer sk-bench"}

    async def call() -> None:
        async with session.post(url, data=BODY, headers=headers) as response:
            async for _ in response.content.iter_any():
                pass

    return call


def ours(upstream: Upstream, path: str, *, along: bool) -> Call:
    """The same through `Upstream`."""
    outgoing = Outgoing(path=path, headers=HEADERS, body=BODY)

    async def call() -> None:
        reply = await upstream.send(outgoing)
        splitter, watch = EventSplitter(), StreamWatch("chat")
        async for piece in reply:
            if along:
                for event in splitter.feed(piece):
                    watch.feed(event)
        if along:
            watch.check_end()

    return call


async def timed(call: Call, calls: int, at_once: int) -> tuple[float, float]:
    """Calls per second and microseconds of processor time a call."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    wall, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return calls / wall, processor / calls * 1e6


async def measure(port: int, calls: int, at_once: int, rounds: int) -> None:
    """Take turns and print the best of each."""
    base = f"http://127.0.0.1:{port}/v1"
    async with aiohttp.ClientSession() as session, Upstream(base, "sk-bench") as upstream:
        table = {
            ("JSON", "bare"): bare(session, f"{base}/json"),
            ("JSON", "tierwise"): ours(upstream, "/v1/json", along=False),
            ("stream", "bare"): bare(session, f"{base}/stream"),
            ("stream", "tierwise"): ours(upstream, "/v1/stream", along=False),
            ("stream", "tierwise, read along"): ours(upstream, "/v1/stream", along=True),
        }
        results: dict[tuple[str, str], list[tuple[float, float]]] = {name: [] for name in table}
        for call in table.values():
            await timed(call, calls, at_once)
        for _ in range(rounds):
            for name, call in table.items():
                results[name].append(await timed(call, calls if name[0] == "JSON" else calls // 2, at_once))
    print(f"{'':32}{'calls/s':>10}{'us of processor':>18}{'speed':>9}{'processor':>12}")
    best = {
        name: (max(run[0] for run in runs), min(run[1] for run in runs)) for name, runs in results.items()
    }
    for name, (speed, cost) in best.items():
        bare_speed, bare_cost = best[name[0], "bare"]
        print(
            f"{', '.join(name):32}{speed:10,.0f}{cost:18,.0f}{speed / bare_speed:8.2f}x{cost / bare_cost:11.2f}x"
        )


def main() -> None:
    """Start the server, measure, stop it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        asyncio.run(measure(here.recv(), args.calls, args.at_once, args.rounds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
