"""What LiteLLM's hook tells of calls that are over, and which entries a decision can go to."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

from tierwise.errors import ConfigurationError
from tierwise.integrations import _service, litellm
from tierwise.integrations._entries import Entries, may
from tierwise.integrations._forms import Seen, Verdict, report

START = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
END = START + dt.timedelta(seconds=2)
REPLY = {"object": "chat.completion", "model": "gpt-5.5", "usage": {"prompt_tokens": 9}}


class Told:
    """A gateway that decides nothing and keeps what it is told."""

    def __init__(self, wait: float = 0) -> None:
        self.calls: list[Any] = []
        self.wait = wait

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/decide"):
            answer = {"id": "tw_1", "path": "/v1/chat/completions", "body": None, "reason": None}
            return web.json_response(answer)
        self.calls.append(await request.json())
        await asyncio.sleep(self.wait)
        return web.json_response({})


async def begun(hook: Any, identity: str = "call-1") -> None:
    data = {"model": "gpt-5.5", "messages": [], "litellm_call_id": identity}
    await hook.async_pre_call_hook(user_api_key_dict=None, cache=None, data=data, call_type="acompletion")


async def ended(hook: Any, identity: str = "call-1", **kwargs: Any) -> None:
    given = {"litellm_call_id": identity, "model": "gpt-5.4-nano-2026-03-17", **kwargs}
    await hook.async_log_success_event(given, REPLY, START, END)


def test_usage_model_status_and_latency_are_told(made: Any, serve: Any) -> None:
    class RateLimitError(Exception):
        pass

    async def run() -> None:
        gateway = Told()
        async with serve(gateway) as url:
            hook = made(url, limit=5)
            await begun(hook)
            fault = {"litellm_call_id": "call-1", "exception": RateLimitError()}
            await hook.async_log_failure_event(fault, None, START, END)
            await ended(hook, exception=RateLimitError())
            await ended(hook)
            await hook.aclose()
        failed, answered = gateway.calls
        assert (failed["status"], failed["error"], failed["decision"]) == ("error", "RateLimitError", "tw_1")
        assert answered["response"] == {**REPLY, "model": "gpt-5.4-nano-2026-03-17"}
        assert (answered["at"], answered["latency"]) == (int(START.timestamp()) * 1_000_000, 2_000_000)
        assert answered["endpoint"] == "/v1/chat/completions"

    asyncio.run(run())


def test_a_call_that_litellm_sent_elsewhere_after_all_did_not_go_as_decided() -> None:
    verdict = Verdict(
        id="tw_1", path="/v1/chat/completions", body={}, changed=frozenset({"model"}), rung="gpt-5.4-nano"
    )
    seen = Seen(endpoint=verdict.path, body={}, headers={}, verdict=verdict, carried=True)
    told = report(seen, {"model": "gpt-5.4-nano"}, REPLY, START, END)
    assert (told["carried"], told["reason"]) == (True, None)
    told = report(seen, {"model": "gpt-5.5"}, REPLY, START, END)
    assert (told["carried"], told["reason"]) == (False, "LiteLLM sent it to gpt-5.5")


class Total(BaseModel):
    total_tokens: int


class ChatUsage(Total):
    prompt_tokens: int


class Responses(BaseModel):
    model: str
    usage: Total


def test_usage_of_another_form_than_the_replys_is_told_whole(made: Any, serve: Any) -> None:
    async def run() -> None:
        gateway = Told()
        async with serve(gateway) as url:
            hook = made(url, limit=5)
            await begun(hook)
            reply = Responses(model="gpt-5.5", usage=ChatUsage(total_tokens=9, prompt_tokens=7))
            given = {"litellm_call_id": "call-1", "model": "gpt-5.4-nano"}
            await hook.async_log_success_event(given, reply, START, END)
            await hook.aclose()
        (told,) = gateway.calls
        assert told["response"] == {
            "model": "gpt-5.4-nano",
            "usage": {"total_tokens": 9, "prompt_tokens": 7},
        }

    asyncio.run(run())


def test_what_litellm_answered_from_its_cache_is_not_told(made: Any, serve: Any) -> None:
    async def run() -> None:
        gateway = Told()
        async with serve(gateway) as url:
            hook = made(url, limit=5)
            await begun(hook)
            await ended(hook, cache_hit=True)
            await hook.aclose()
        assert gateway.calls == []

    asyncio.run(run())


def test_telling_never_waits_and_what_is_too_much_is_dropped_and_counted(
    made: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_service, "QUEUE_CALLS", 3)

    async def run() -> None:
        gateway = Told(wait=0.05)
        async with serve(gateway) as url:
            hook = made(url, limit=5)
            for number in range(6):
                await begun(hook, f"{number}")
            for number in range(6):
                await ended(hook, f"{number}")
            assert hook.counts == {"a call was not told of: too many wait": 3}
            await hook.aclose()
        assert len(gateway.calls) == 3

    asyncio.run(run())


def test_a_gateway_that_is_gone_costs_the_record_alone(made: Any) -> None:
    async def run() -> None:
        hook = made("http://127.0.0.1:9/v1")
        await begun(hook)
        await ended(hook)
        await hook.aclose()
        assert hook.counts["a call was not told of: ClientConnectorError"] == 1

    asyncio.run(run())


def deployment(name: str, model: str, **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model}, "model_info": info}


def test_models_are_found_behind_names_and_names_for_models() -> None:
    entries = Entries(
        [
            deployment("big", "openai/gpt-5.5"),
            deployment("gpt-5.4-nano", "azure/our-nano", base_model="azure/gpt-5.4-nano"),
            deployment("mixed", "openai/gpt-5.5"),
            deployment("mixed", "anthropic/claude-x"),
            deployment("theirs", "openai/gpt-5.4-mini", team_id="t"),
            deployment("openai/*", "openai/*"),
            deployment("auto", "openai/gpt-5.5"),
        ]
    )
    names = ("big", "gpt-5.4-nano", "mixed", "theirs", "openai/*", "auto", "none")
    assert [entries.model(name) for name in names] == [
        "gpt-5.5",
        "gpt-5.4-nano",
        None,
        None,
        None,
        "auto",
        None,
    ]
    assert entries.name("gpt-5.5", "big") == "big"
    assert entries.name("gpt-5.5", "auto") == "big"
    assert entries.name("gpt-5.4-nano", "big") == "gpt-5.4-nano"
    assert entries.name("gpt-5.4-mini", "big") is None


@pytest.mark.parametrize(
    ("models", "team", "allowed"),
    [
        ([], [], True),
        (["gpt-5.4-nano"], [], True),
        (["gpt-5.5"], [], False),
        (["all-team-models"], ["gpt-5.5"], False),
        (["all-team-models"], ["gpt-5.4-nano"], True),
        ([], ["*"], True),
    ],
)
def test_a_key_is_not_moved_to_a_model_it_may_not_use(models: Any, team: Any, allowed: bool) -> None:
    assert may(SimpleNamespace(models=models, team_models=team), "gpt-5.4-nano") is allowed


def test_the_hook_needs_an_address_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIERWISE_URL", raising=False)
    with pytest.raises(ConfigurationError, match="expected TIERWISE_URL"):
        _ = litellm.hook


def test_nothing_heavy_is_loaded_with_it() -> None:
    code = (
        "import sys, tierwise.integrations.litellm, tierwise.integrations._service, tierwise.integrations._forms\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'msgspec', 'numpy', 'litellm', 'aiohttp', 'genai_prices', 'sqlalchemy'}),\n"
        "      sorted(name for name in sys.modules if name.startswith('tierwise')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("[] ['tierwise', 'tierwise.errors', 'tierwise.integrations'")
