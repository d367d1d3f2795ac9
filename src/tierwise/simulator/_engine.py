"""One call from body to answer: parse, refuse, count, look into the cache, answer, bill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec

from tierwise.simulator._answers import Answer, Answerer
from tierwise.simulator._ask import Ask, Json
from tierwise.simulator._bill import Bill, BillLine, Used
from tierwise.simulator._cache import Cache, Hit
from tierwise.simulator._checks import check, check_names, overflow
from tierwise.simulator._choose import HOSTED
from tierwise.simulator._draw import Dice, Ids
from tierwise.simulator._errors import Refusal, bad
from tierwise.simulator._limits import Buckets, Limits
from tierwise.simulator._models import Model, Models
from tierwise.simulator._parse_chat import parse_chat
from tierwise.simulator._parse_responses import parse_responses
from tierwise.simulator._prices import Lane, PriceList
from tierwise.simulator._render import Renderer
from tierwise.simulator._tokens import Tokenizer

WEB_TOKENS: Final = 8_000
"""Input tokens that a web search brings, about what the recordings show."""
_TIER_LANES: Final[dict[str, Lane]] = {"flex": "flex", "priority": "priority", "default": "standard"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this account and simulator are set up."""

    seed: int = 0
    limits: Limits = Limits()
    project_tier: Literal["default", "flex", "priority"] = "default"
    """What `service_tier: auto` means."""
    obfuscation: bool = False
    """Pad stream events with random letters, as OpenAI does unless told not to."""
    residency: bool = False
    """A data residency endpoint: newer models cost a tenth more."""
    enforce_shutdowns: bool = False
    """Refuse models after their announced last day."""
    keep_requests: bool = False
    """Keep every request as it arrived, in `Simulator.received`; takes memory."""
    first_byte_seconds: float = 0.0
    token_seconds: float = 0.0
    """Time from token to token of a stream."""
    background_seconds: float = 0.2
    """How long a background response takes."""
    batch_seconds: float = 1.0
    """How long a batch takes from creation to completion."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one call came to."""

    request_id: str
    ask: Ask
    effort: str | None
    answers: tuple[Answer, ...]
    used: Used
    lane: Lane
    tier: str
    """The `service_tier` that the answer names."""
    created: int


class Engine:
    """The simulated API without HTTP. Not thread-safe: one event loop drives it."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock = clock
        self.dice = Dice(settings.seed)
        self.ids = Ids(self.dice)
        self.models = Models(enforce_shutdowns=settings.enforce_shutdowns)
        self.prices = PriceList()
        self.bill = Bill(self.prices, residency=settings.residency)
        self.tokenizer = Tokenizer()
        self.renderer = Renderer(self.tokenizer)
        self.cache = Cache()
        self.buckets = Buckets(settings.limits)
        self.answerer = Answerer(self.dice, self.tokenizer)

    def model(self, name: object, endpoint: str) -> Model:
        """The model asked for; refuses as that endpoint does."""
        day = dt.datetime.fromtimestamp(self.clock(), dt.UTC).date().isoformat()
        return self.models.find(name, day, endpoint=endpoint)

    def parse(self, endpoint: str, body: Json, history: Sequence[Json] = ()) -> tuple[Ask, str | None]:
        """The ask and the effort in force; raises Refusal for whatever the model does not take."""
        check_names(body, endpoint)
        model = self.model(body.get("model"), endpoint)
        if model.sort != "text":
            raise bad("This is not a chat model and thus not supported here.", param="model")
        ask = parse_chat(body, model) if endpoint == "chat" else parse_responses(body, model, history)
        return ask, check(ask, self.prices)

    def input_tokens(self, endpoint: str, body: Json, history: Sequence[Json] = ()) -> int:
        """Input tokens of a request, without running it."""
        ask, _ = self.parse(endpoint, body, history)
        return self.renderer.prompt(ask).tokens

    def run(
        self,
        endpoint: str,
        body: Json,
        *,
        history: Sequence[Json] = (),
        batch: bool = False,
        downgrade: bool = False,
        request_id: str = "",
    ) -> Outcome:
        """Answer one call. Nothing is billed until `settle`. Raises Refusal."""
        now = self.clock()
        ask, effort = self.parse(endpoint, body, history)
        prompt = self.renderer.prompt(ask)
        refused = overflow(ask.model, prompt.tokens, ask.endpoint, ask.cap or 0)
        if refused is not None:
            raise refused
        hit = self.cache.look(ask, effort, prompt, now, batch=batch)
        answers = tuple(self.answerer.answer(ask, effort, choice) for choice in range(ask.n))
        lane, tier = self._lane(ask, batch=batch, downgrade=downgrade)
        return Outcome(
            request_id=request_id or self.ids.plain("req"),
            ask=ask,
            effort=effort,
            answers=answers,
            used=self._used(prompt.tokens, hit, answers),
            lane=lane,
            tier=tier,
            created=int(now),
        )

    def _used(self, tokens: int, hit: Hit, answers: tuple[Answer, ...]) -> Used:
        extra = 0
        for answer in answers:
            if answer.chosen.found:
                extra += self.renderer.definitions(answer.chosen.found)
            extra += WEB_TOKENS * sum(call.tool.kind in HOSTED for call in answer.chosen.calls)
        return Used(
            input=tokens + extra,
            cached=hit.cached,
            written_30m=hit.written_30m,
            written_12h=hit.written_12h,
            output=sum(answer.output for answer in answers),
            reasoning=sum(answer.reasoning for answer in answers),
        )

    def _lane(self, ask: Ask, *, batch: bool, downgrade: bool) -> tuple[Lane, str]:
        if batch:
            return "batch", "default"
        window = (ask.body.get("background_options") or {}).get("completion_window")
        if window:
            return ("background_2h" if window == "2h" else "background_8h"), "default"
        asked = {"fast": "priority", "auto": self.settings.project_tier, "scale": "default"}.get(
            ask.tier, ask.tier
        )
        if not self.prices.offers(ask.model.name, _TIER_LANES[asked]) or (asked == "priority" and downgrade):
            asked = "default"
        return _TIER_LANES[asked], asked

    def settle(
        self, outcome: Outcome, *, response_id: str | None, key: str = "", custom_id: str | None = None
    ) -> BillLine:
        """Bill what was answered."""
        fees: dict[str, int] = {}
        for answer in outcome.answers:
            for kind, n in answer.fees.items():
                fees[kind] = fees.get(kind, 0) + n
        ask = outcome.ask
        line = BillLine(
            request_id=outcome.request_id,
            response_id=response_id,
            custom_id=custom_id,
            at=self.clock(),
            endpoint=ask.endpoint,
            model=ask.model.name,
            lane=outcome.lane,
            key=_key_id(key),
            used=outcome.used,
            fees=fees,
            cost=self.bill.cost(ask.model.name, outcome.lane, outcome.used, fees),
            task=outcome.answers[0].task,
            right=outcome.answers[0].right,
        )
        self.bill.add(line)
        return line

    def charge(
        self,
        *,
        endpoint: str,
        model: str,
        lane: Lane,
        used: Used,
        request_id: str,
        key: str,
        custom_id: str | None = None,
    ) -> None:
        """Bill a call that has no answer text: embeddings, decisions."""
        cost = self.bill.cost(model, lane, used, {})
        self.bill.add(
            BillLine(
                request_id=request_id, at=self.clock(), endpoint=endpoint, model=model, lane=lane,
                key=_key_id(key), used=used, cost=cost, custom_id=custom_id,
            )
        )  # fmt: skip

    def limit(self, body: Any, size: int) -> dict[str, str]:
        """Count a request of `size` bytes against the limits; returns headers, raises the 429."""
        name = body.get("model") if isinstance(body, dict) else None
        try:
            model = self.model(name, "chat").name
        except Refusal:
            return {}
        caps = (body.get(n) for n in ("max_completion_tokens", "max_tokens", "max_output_tokens"))
        cap = next((c for c in caps if isinstance(c, int)), 0)
        return self.buckets.take(model, max(cap, size // 4), self.clock())


def _key_id(key: str) -> str:
    """Eight digits that stand for an API key; no key is kept in the bill."""
    return blake2b(key.encode(), digest_size=4).hexdigest() if key else ""
