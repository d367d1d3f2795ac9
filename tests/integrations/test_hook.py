"""LiteLLM's hook against decision services that answer, sleep, are dead, refuse or talk nonsense."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

MESSAGES = [{"role": "user", "content": "I was charged twice."}]


def call(identity: str = "call-1", **fields: Any) -> dict[str, Any]:
    """Data as LiteLLM's proxy hands it to a hook."""
    return {
        "model": "gpt-5.5",
        "messages": MESSAGES,
        "max_tokens": 50,
        "api_key": "sk-of-a-caller",
        "litellm_call_id": identity,
        "metadata": {"requester_metadata": {"session": "s-1", "headers": {}}, "user_api_key_hash": "h"},
        "proxy_server_request": {"headers": {"x-tierwise-task": "classification", "cookie": "c"}},
        **fields,
    }


def decision(model: str = "gpt-5.4-nano", **other: Any) -> dict[str, Any]:
    """What the service answers for a call that is moved."""
    parameters = ("model", "reasoning_effort", "max_tokens", "max_completion_tokens")
    return {
        "id": "tw_1",
        "path": "/v1/chat/completions",
        "body": {
            "model": model,
            "messages": MESSAGES,
            "reasoning_effort": "none",
            "max_completion_tokens": 50,
        },
        "rung": {"model": model, "effort": "none"},
        "changes": [{"parameter": name, "before": None, "after": "x", "why": ""} for name in parameters],
        "breach": None,
        **other,
    }


class Service:
    """Answers with what it is given, and keeps what it was asked and told."""

    def __init__(self, answer: Any, status: int = 200, wait: float = 0) -> None:
        self.answer, self.status, self.wait = answer, status, wait
        self.asked: list[Any] = []
        self.told: list[Any] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        assert request.headers["authorization"] == "Bearer tw-key"
        (self.asked if request.path == "/v1/tierwise/decide" else self.told).append(await request.json())
        await asyncio.sleep(self.wait)
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return web.Response(status=self.status, body=body)


async def before(hook: Any, data: dict[str, Any], kind: str = "acompletion", key: Any = None) -> Any:
    return await hook.async_pre_call_hook(user_api_key_dict=key, cache=None, data=data, call_type=kind)


def test_the_model_and_every_other_change_are_carried_out(made: Any, serve: Any) -> None:
    async def run() -> None:
        service = Service(decision())
        async with serve(service) as url:
            hook, data = made(url, limit=5), call()
            changed = await before(hook, data)
            assert changed["model"] == "gpt-5.4-nano"
            assert changed["reasoning_effort"] == "none"
            assert changed["max_completion_tokens"] == 50
            assert "max_tokens" not in changed
            assert changed["api_key"] == "sk-of-a-caller"
            headers = await hook.async_post_call_response_headers_hook(data, None, None)
            assert headers == {"x-tierwise-decision": "tw_1", "x-tierwise-rung": "gpt-5.4-nano"}
            await hook.aclose()
        (asked,) = service.asked
        assert asked["body"] == {
            "model": "gpt-5.5",
            "messages": MESSAGES,
            "max_tokens": 50,
            "metadata": {"session": "s-1"},
        }
        assert asked["headers"] == {"x-tierwise-task": "classification"}
        assert hook.counts == {}

    asyncio.run(run())


ODD: list[tuple[str, Any, int, str]] = [
    ("a fault", {"error": {}}, 500, "refused: status 500"),
    ("an ended key", {"error": {}}, 401, "refused: status 401"),
    ("no JSON", b"<html>", 200, "nonsense"),
    ("other JSON", [1], 200, "nonsense"),
    ("a decision without a body", {"id": "tw_1", "path": "/v1/chat/completions"}, 200, "nonsense"),
    ("a body without a model", decision(body={"a": 1}), 200, "nonsense"),
    ("a rung without an entry", decision("gpt-5.4"), 200, "no model entry for gpt-5.4"),
    ("another endpoint", decision(path="/v1/responses"), 200, "another endpoint"),
]


@pytest.mark.parametrize(("answer", "status", "why"), [o[1:] for o in ODD], ids=[o[0] for o in ODD])
def test_a_call_goes_as_asked_after_any_other_answer(
    made: Any, serve: Any, answer: Any, status: int, why: str
) -> None:
    async def run() -> None:
        async with serve(Service(answer, status)) as url:
            hook, data = made(url, limit=5), call()
            asked = copy.deepcopy(data)
            assert await before(hook, data) is None
            assert data == asked
            ((reason, count),) = hook.counts.items()
            assert why in reason
            assert count == 1
            await hook.aclose()

    asyncio.run(run())


async def lost(hook: Any) -> float:
    """Seconds that a call loses, and that it is left alone."""
    data = call()
    asked, began = copy.deepcopy(data), time.perf_counter()
    assert await before(hook, data) is None
    seconds = time.perf_counter() - began
    assert data == asked
    return seconds


@pytest.mark.parametrize("how", ["sleeps", "is silent", "is dead"])
def test_no_more_than_the_limit_is_lost_and_then_nothing_for_a_while(made: Any, serve: Any, how: str) -> None:
    now = [0.0]

    async def run(url: str) -> None:
        hook = made(url, clock=lambda: now[0])
        first = [await lost(hook) for _ in range(5)]
        assert max(first) < 0.15
        skipped = [await lost(hook) for _ in range(5)]
        assert max(skipped) < 0.02
        now[0] += 11
        await lost(hook)
        assert sum(count for reason, count in hook.counts.items() if "skipped" in reason) == 5
        assert sum(hook.counts.values()) == 11
        await hook.aclose()

    async def sleeping() -> None:
        async with serve(Service(decision(), wait=1)) as url:
            await run(url)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if how == "is silent":
            listener.listen()
        asyncio.run(
            sleeping() if how == "sleeps" else run(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        )


def test_a_service_that_comes_back_is_asked_again_by_one_call_first(made: Any, serve: Any) -> None:
    async def run() -> None:
        now, service = [0.0], Service({}, 500)
        async with serve(service) as url:
            hook = made(url, limit=5, clock=lambda: now[0])
            for _ in range(7):
                await before(hook, call())
            assert len(service.asked) == 5
            service.answer, service.status, service.wait = decision(), 200, 0.05
            now[0] += 11
            found = await asyncio.gather(*(before(hook, call()) for _ in range(3)))
            assert [data is not None for data in found] == [True, False, False]
            assert await before(hook, call()) is not None
            await hook.aclose()

    asyncio.run(run())


def test_a_reason_is_logged_once(made: Any, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with serve(Service({}, 500)) as url:
            hook = made(url, limit=5)
            with caplog.at_level(logging.WARNING, "tierwise"):
                for _ in range(4):
                    await before(hook, call())
            await hook.aclose()

    asyncio.run(run())
    assert [record.message for record in caplog.records] == [
        "a call goes as asked: the decision service refused: status 500; said once, counted from now on"
    ]


def test_a_call_outside_the_owners_limits_is_refused(made: Any, serve: Any) -> None:
    async def run() -> None:
        service = Service(decision(breach="gpt-5.5 is not approved"))
        async with serve(service) as url:
            hook = made(url, limit=5)
            with pytest.raises(Exception, match="not approved") as caught:
                await before(hook, call())
            assert (caught.value.status_code, caught.value.code) == (403, "tierwise_limits")  # type: ignore[attr-defined]
            await hook.aclose()
        (told,) = service.told
        assert (told["status"], told["error"], told["carried"]) == ("error", "tierwise_limits", False)

    asyncio.run(run())


def test_calls_that_are_not_openais_or_too_large_are_not_asked_about(made: Any, serve: Any) -> None:
    async def run() -> None:
        service = Service(decision())
        async with serve(service) as url:
            hook = made(url, limit=5)
            assert await before(hook, call(model="claude")) is None
            assert await before(hook, call(), "aimage_generation") is None
            assert await before(hook, call(input="x"), "aembedding") is None
            assert await before(hook, call(messages=[{"role": "user", "content": "x" * 2_000_000}])) is None
            await hook.aclose()
        assert service.asked == []
        assert hook.counts == {"a call goes as asked: the request is too large to ask about": 1}

    asyncio.run(run())


def test_a_call_of_a_key_that_may_not_use_the_model_goes_as_asked(made: Any, serve: Any) -> None:
    async def run() -> None:
        async with serve(Service(decision())) as url:
            hook, key = made(url, limit=5), SimpleNamespace(models=["gpt-5.5"], team_models=[])
            assert await before(hook, call(), key=key) is None
            assert hook.counts == {"a call goes as asked: the caller's key may not use the model decided": 1}
            await hook.aclose()

    asyncio.run(run())
