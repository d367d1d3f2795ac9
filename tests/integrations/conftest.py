"""The hook without LiteLLM: a stub of its base class, and decision services on loopback."""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from aiohttp import web

from tierwise.integrations._service import Service

ENTRIES: list[dict[str, Any]] = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"id": name}}
    for name in ("gpt-5.5", "gpt-5.4-nano")
]


class CustomLogger:
    """As LiteLLM's, as far as the hook can tell."""

    def __init__(self, **_: Any) -> None:
        pass


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a hook for a service, with the entries of a proxy."""
    if find_spec("litellm") is None:
        stub = types.ModuleType("litellm.integrations.custom_logger")
        stub.CustomLogger = CustomLogger  # type: ignore[attr-defined]
        for name in ("litellm", "litellm.integrations"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, stub.__name__, stub)

    def make(url: str, entries: Any = ENTRIES, **options: Any) -> Any:
        return import_module("tierwise.integrations._hook").Hook(
            Service(url, "tw-key", **options), lambda: entries
        )

    return make


@pytest.fixture
def serve() -> Callable[[Callable[[web.BaseRequest], Awaitable[web.Response]]], Any]:
    """A server for as long as a block runs; gives its address."""

    @asynccontextmanager
    async def serving(answer: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> AsyncIterator[str]:
        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()

    return serving
