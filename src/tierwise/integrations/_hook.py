"""LiteLLM's callback: asks before a call goes, tells when it is over. A fault of ours never costs a call."""

# ruff: noqa: ARG002 - LiteLLM hands over more than is needed, by name
from __future__ import annotations

import asyncio
import datetime as dt
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from litellm.integrations.custom_logger import CustomLogger

from tierwise.integrations._entries import Entries, may
from tierwise.integrations._forms import (
    DECIDED,
    ENDPOINTS,
    Seen,
    Verdict,
    apply,
    body_of,
    fits,
    labels_of,
    report,
    verdict_of,
)
from tierwise.integrations._service import Service, Unanswered

UNDER_WAY: Final = 2_000
"""Calls that are remembered until they are over; the oldest gives way, and is not told of."""
AGAIN: Final = 120.0
"""Seconds after a failure in which LiteLLM may try again."""
TOO_LARGE: Final = "the request is too large to ask about"


class Refused(Exception):
    """The call is outside the owner's limits and does not go. LiteLLM makes an error reply of its fields."""

    status_code, type, param, code = 403, "tierwise_error", None, "tierwise_limits"

    def __init__(self, breach: str) -> None:
        self.message = (
            f"refused by the policy: {breach}; ask for an approved model, or have the policy changed"
        )
        super().__init__(self.message)


class Hook(CustomLogger):  # type: ignore[misc] # LiteLLM is not there to be checked against
    """One for a proxy's process.

    Args:
        service: Whom to ask and tell.
        deployments: The proxy's model entries; by default those of the running proxy.
    """

    def __init__(
        self, service: Service, deployments: Callable[[], Iterable[Mapping[str, Any]]] | None = None
    ) -> None:
        super().__init__()
        self._service, self._deployments = service, deployments or _of_proxy
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    @property
    def counts(self) -> dict[str, int]:
        """Why calls went as asked, and what could not be told, by reason."""
        return self._service.counts.all()

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """LiteLLM's data as decided; None leaves it as it is. Raises Refused."""
        seen: Seen | None = None
        try:
            seen = self._see(data, call_type)
            if seen is not None and seen.endpoint in DECIDED and seen.reason is None:
                return await self._decided(user_api_key_dict, data, seen)
        except Refused:
            raise
        except Unanswered as why:
            self._goes_as_asked(seen, why.reason)
        except Exception as fault:  # noqa: BLE001 - the call is worth more than our opinion of it
            self._goes_as_asked(seen, f"the hook failed: {type(fault).__name__}")
        return None

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: dt.datetime, end_time: dt.datetime
    ) -> None:
        """Tell of a call that was answered; one from LiteLLM's own cache cost nothing and is not told."""
        seen = self._seen.pop(str(kwargs.get("litellm_call_id")), None)
        if seen is not None and not kwargs.get("cache_hit"):
            self._tell(seen, kwargs, response_obj, start_time, end_time)

    async def async_log_failure_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: dt.datetime, end_time: dt.datetime
    ) -> None:
        """Tell of a try that failed; LiteLLM may try again, under the same id."""
        identity = str(kwargs.get("litellm_call_id"))
        seen = self._seen.get(identity)
        if seen is not None:
            self._tell(seen, kwargs, None, start_time, end_time)
            asyncio.get_running_loop().call_later(AGAIN, self._seen.pop, identity, None)

    async def async_post_call_response_headers_hook(
        self, data: Mapping[str, Any], user_api_key_dict: Any, response: Any, **_: Any
    ) -> dict[str, str] | None:
        """Headers that say what served the call: LiteLLM writes the name asked for into the reply."""
        seen = self._seen.get(str(data.get("litellm_call_id")))
        if seen is None or seen.verdict is None:
            return None
        moved = {"x-tierwise-rung": seen.verdict.rung} if seen.carried and seen.verdict.rung else {}
        return {"x-tierwise-decision": seen.verdict.id, **moved}

    async def aclose(self) -> None:
        """Tell what waits and let go of connections."""
        await self._service.aclose()

    def _see(self, data: Mapping[str, Any], call_type: str) -> Seen | None:
        """Take note of a call to one of OpenAI's models; None for any other."""
        endpoint, asked = ENDPOINTS.get(call_type), data.get("model")
        model = Entries(self._deployments()).model(asked) if endpoint and isinstance(asked, str) else None
        if endpoint is None or model is None:
            return None
        seen = Seen(endpoint=endpoint, body=body_of(endpoint, data, model), headers=labels_of(data))
        if not fits(seen.body):
            # Its money is told all the same.
            seen.body = {"model": model}
            self._goes_as_asked(seen, TOO_LARGE)
        self._seen[str(data.get("litellm_call_id"))] = seen
        if len(self._seen) > UNDER_WAY:
            self._seen.popitem(last=False)
            self._service.counts.note("a call was not told of: too many are under way")
        return seen

    async def _decided(self, key: Any, data: dict[str, Any], seen: Seen) -> dict[str, Any] | None:
        """Ask, and carry out what is said. Raises Unanswered, Refused."""
        question = {"endpoint": seen.endpoint, "body": seen.body, "headers": seen.headers}
        found = await self._service.decide(question)
        try:
            seen.verdict = verdict = verdict_of(found)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._service.nonsense() from None
        if verdict.breach is not None:
            raise self._refused(data, seen, verdict.breach)
        if not verdict.changed:
            return None
        apply(data, verdict, self._name(key, data, seen, verdict))
        seen.carried = True
        return data

    def _refused(self, data: Mapping[str, Any], seen: Seen, breach: str) -> Refused:
        """The refusal, taken down as one: LiteLLM has no event for a call that did not go."""
        self._seen.pop(str(data.get("litellm_call_id")), None)
        refused, now = Refused(breach), dt.datetime.now(dt.UTC)
        self._tell(seen, {"exception": refused}, None, now, now)
        return refused

    def _name(self, key: Any, data: Mapping[str, Any], seen: Seen, verdict: Verdict) -> str:
        """The entry that a decided call goes to. Raises Unanswered where there is none for it."""
        if verdict.path != seen.endpoint:
            raise Unanswered("the decision goes by another endpoint")
        model, asked = str(verdict.body["model"]), str(data["model"])
        name = Entries(self._deployments()).name(model, asked)
        if name is None:
            raise Unanswered(f"the proxy has no model entry for {model[:60]}")
        if name != asked and not may(key, name):
            raise Unanswered("the caller's key may not use the model decided")
        return name

    def _goes_as_asked(self, seen: Seen | None, reason: str) -> None:
        if seen is not None:
            seen.reason = reason
        self._service.counts.note(f"a call goes as asked: {reason}")

    def _tell(
        self, seen: Seen, kwargs: Mapping[str, Any], response: Any, start: dt.datetime, end: dt.datetime
    ) -> None:
        try:
            self._service.tell(report(seen, kwargs, response, start, end))
        except Exception as fault:  # noqa: BLE001 - the record is ours, the call is the caller's
            self._service.counts.note(f"a call was not told of: {type(fault).__name__}")


def _of_proxy() -> Iterable[Mapping[str, Any]]:
    """Entries of the proxy that runs in this process; none where none does."""
    proxy = sys.modules.get("litellm.proxy.proxy_server")
    router = getattr(proxy, "llm_router", None)
    return getattr(router, "model_list", None) or ()
