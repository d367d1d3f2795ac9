"""A real aiohttp server on loopback that answers by a script, and a client whose sleeps cost nothing."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tierwise.calls import Outgoing, Retries, Timeouts
from tierwise.upstream import Upstream

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    headers: Any
    body: bytes
    connection: int


@dataclass
class Server:
    """Answers with one step after the other; the last one stays."""

    steps: list[Step]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away in the middle of an answer."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        self.seen.append(
            Seen(request.method, request.raw_path, request.headers, await request.read(), id(transport))
        )
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        try:
            return await step(request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise


@asynccontextmanager
async def serving(*steps: Step) -> AsyncIterator[Server]:
    server = Server(list(steps))
    runner = web.ServerRunner(
        web.Server(server.answer, access_log=None, handler_cancellation=True), shutdown_timeout=0.2
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Takes the steps of a script; the server runs inside the `async with`."""
    return serving


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a test's coroutine for at most 20 seconds, and finds what it left open."""

    def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await coroutine

        result = asyncio.run(bounded())
        gc.collect()
        return result

    return go


@dataclass
class Client:
    """An Upstream whose waits are recorded and only move its clock, with chance at its highest."""

    slept: list[float] = field(default_factory=list)

    def open(self, server: Server | str, key: Any = "sk-canary-1234", **options: Any) -> Upstream:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        def clock() -> float:
            return time.monotonic() + sum(self.slept)

        url = server if isinstance(server, str) else server.url
        return Upstream(url, key, sleep=sleep, clock=clock, chance=lambda: 1.0, **options)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def chat() -> Callable[..., Outgoing]:
    """A chat call; keywords replace fields."""

    def make(**fields: Any) -> Outgoing:
        return Outgoing(
            **{
                "path": "/v1/chat/completions",
                "body": b'{"model":"gpt-5.4","messages":[]}',
                "timeouts": Timeouts(connect=2, first_byte=2, idle=2, total=5),
                "retries": Retries(),
                **fields,
            }
        )

    return make


def reply(status: int = 200, body: bytes = b'{"ok":true}', **headers: str) -> Step:
    """A whole reply."""

    async def step(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers={"content-type": "application/json", **named})

    return step


def error(status: int, code: str | None = None, type: str | None = None, **headers: str) -> Step:
    """An error in OpenAI's form."""
    import msgspec

    fault = {"message": "no", "type": type, "param": None, "code": code}
    return reply(status, msgspec.json.encode({"error": fault}), **headers)


def reset(request: web.Request) -> Awaitable[web.StreamResponse]:
    """The connection is reset after the request was read, before a status."""

    async def step() -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        await asyncio.sleep(0.01)
        return web.Response()

    return step()


def stream(*pieces: bytes, then: str = "end", pause: float = 0.0, status: int = 200) -> Step:
    """An event stream; afterwards 'end' it in order, 'cut' the connection, or 'hang'."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause)
        if then == "cut":
            assert request.transport is not None
            request.transport.close()
        if then == "hang":
            await asyncio.sleep(30)
        return response

    return step


def slow(seconds: float) -> Step:
    """No status for so long."""

    async def step(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(body=b"late")

    return step


def raw(data: bytes, *, wait: float = 0.05) -> Step:
    """Bytes as they are in place of a reply, then the connection is closed."""

    async def step(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(data)
        await asyncio.sleep(wait)
        transport.close()
        return web.Response()

    return step


@pytest.fixture
def steps() -> Any:
    """The steps a script is made of."""

    class Steps:
        reply = staticmethod(reply)
        error = staticmethod(error)
        reset = staticmethod(reset)
        stream = staticmethod(stream)
        slow = staticmethod(slow)
        raw = staticmethod(raw)

    return Steps
