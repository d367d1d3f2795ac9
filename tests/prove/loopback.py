"""A real server on loopback in the place of OpenAI, and a client that sends to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tierwise.calls import Retries, Send
from tierwise.upstream import Upstream

SNAPSHOT = "gpt-5.4-2026-03-05"
Answer = Callable[[str, dict[str, Any]], Any]
"""From path and body to the reply: a dict is JSON, an int a status, bytes as they are."""


def responses(text: str, **more: Any) -> dict[str, Any]:
    """A reply of Responses."""
    return {
        "id": "resp_9", "object": "response", "status": "completed", "model": SNAPSHOT,
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
        "usage": {"input_tokens": 1000, "output_tokens": 10}, "service_tier": "default",
    } | more  # fmt: skip


def chat(text: str, **more: Any) -> dict[str, Any]:
    """A reply of Chat Completions."""
    return {
        "id": "chatcmpl_9", "object": "chat.completion", "model": SNAPSHOT,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
    } | more  # fmt: skip


class Seen:
    """What was asked, in order."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.bodies.append(body)
        self.paths.append(request.path)
        made = self.answer(request.path, body)
        if isinstance(made, int):
            return web.json_response({"error": {"code": "rate_limit_exceeded"}}, status=made)
        if isinstance(made, bytes):
            return web.Response(body=made, content_type="application/json")
        return web.json_response(made)


def against(answer: Answer, work: Callable[[Send], Awaitable[Any]]) -> tuple[Any, Seen]:
    """Run `work` with a client whose calls `answer` answers."""
    seen = Seen(answer)

    async def whole() -> Any:
        runner = web.ServerRunner(web.Server(seen, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            async with Upstream(
                f"http://{host}:{port}/v1", "sk-test", retries=Retries(attempts=1)
            ) as upstream:
                async with asyncio.timeout(20):
                    return await work(upstream)
        finally:
            await runner.cleanup()

    return asyncio.run(whole()), seen
