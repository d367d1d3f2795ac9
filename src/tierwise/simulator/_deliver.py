"""Sending: JSON or a stream of events, at its pace, with the fault that struck the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from tierwise.simulator._faults import Fault

Sleep = Callable[[float], Awaitable[None]]
_BROKEN: Final = b'data: {"id": "broken", "choices": [{"index": 0, "delta": {"content": "\n\n'
_PIECES: Final = 8


class Sender:
    """Writes answers to the wire."""

    def __init__(
        self, *, sleep: Sleep = asyncio.sleep, first_byte: float = 0.0, between: float = 0.0
    ) -> None:
        self._sleep = sleep
        self._first_byte = first_byte
        self._between = between
        self.left = 0
        """Streams whose client left before their end."""

    async def json(
        self,
        request: web.Request,
        body: Any,
        headers: Mapping[str, str],
        fault: Fault | None = None,
        status: int = 200,
    ) -> web.StreamResponse:
        """One JSON body."""
        content = msgspec.json.encode(body)
        await self._wait(fault)
        kind = "" if fault is None else fault.kind
        plain = {**headers, "content-type": "application/json"}
        if kind == "malformed":
            content = content[: len(content) // 2]
        if kind not in {"cut", "close_early", "slow_bytes", "lost", "reset"}:
            return web.Response(body=content, status=status, headers=plain)
        if kind in {"lost", "reset"}:
            return hang_up(request)
        response = web.StreamResponse(status=status, headers=plain)
        if kind == "cut":
            response.content_length = len(content)
        await response.prepare(request)
        if kind != "slow_bytes":
            await response.write(content[: len(content) // 2])
            return await self._end(request, response, cut=kind == "cut")
        step = max(1, len(content) // _PIECES)
        for at in range(0, len(content), step):
            await response.write(content[at : at + step])
            await self._sleep(fault.seconds if fault is not None else 0)
        return await self._end(request, response, cut=False)

    async def events(
        self,
        request: web.Request,
        events: Sequence[bytes],
        headers: Mapping[str, str],
        fault: Fault | None = None,
    ) -> web.StreamResponse:
        """A stream of server-sent events, each already in its wire form."""
        await self._wait(fault)
        kind = "" if fault is None else fault.kind
        if kind in {"lost", "reset"}:
            return hang_up(request)
        response = web.StreamResponse(
            headers={
                **headers,
                "content-type": "text/event-stream; charset=utf-8",
                "cache-control": "no-cache",
            }
        )
        await response.prepare(request)
        after = len(events) // 2 if fault is None or fault.after is None else fault.after
        pause = fault.seconds if fault is not None and kind == "slow_bytes" else self._between
        if not pause and kind not in {"cut", "close_early", "malformed"}:
            await response.write(b"".join(events))
            return await self._end(request, response, cut=False)
        try:
            return await self._paced(request, response, events, kind, after, pause)
        except ConnectionError:
            self.left += 1
            raise

    async def _paced(
        self,
        request: web.Request,
        response: web.StreamResponse,
        events: Sequence[bytes],
        kind: str,
        after: int,
        pause: float,
    ) -> web.StreamResponse:
        """Events one by one, with pauses; cut, ended or soiled at `after`."""
        for at, event in enumerate(events):
            if at == after and kind in {"cut", "close_early"}:
                return await self._end(request, response, cut=kind == "cut")
            if at == after and kind == "malformed":
                await response.write(_BROKEN)
            await response.write(event)
            if pause:
                await self._sleep(pause)
        return await self._end(request, response, cut=False)

    async def _wait(self, fault: Fault | None) -> None:
        slow = fault.seconds if fault is not None and fault.kind == "slow_first_byte" else 0.0
        if slow or self._first_byte:
            await self._sleep(max(slow, self._first_byte))

    async def _end(
        self, request: web.Request, response: web.StreamResponse, *, cut: bool
    ) -> web.StreamResponse:
        if not cut:
            await response.write_eof()
            return response
        # Let what was written leave first, or the break would come before it.
        await asyncio.sleep(0.02)
        hang_up(request)
        return response


def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection at once; the answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def chat_lines(chunks: Sequence[Any]) -> list[bytes]:
    """Chat chunks in their wire form, end mark included."""
    return [*(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n"]


def event_lines(events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Responses events in their wire form."""
    return [
        b"event: " + str(event["type"]).encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    ]
