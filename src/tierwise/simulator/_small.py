"""The smaller endpoints: models, embeddings, decisions."""

from __future__ import annotations

import base64
import math
import re
from array import array
from typing import Any, Final

from tierwise.simulator._ask import Ask, Json, Turn
from tierwise.simulator._bill import Used
from tierwise.simulator._engine import Engine
from tierwise.simulator._errors import bad, missing
from tierwise.simulator._fields import json_text, text_of
from tierwise.simulator._models import Model
from tierwise.simulator._parse_responses import items_of

_DIMENSIONS: Final = {"text-embedding-3-small": 1_536, "text-embedding-3-large": 3_072}
_SPREAD: Final = 16
"""Dimensions that one word moves."""


def list_models(engine: Engine) -> Json:
    """`GET /v1/models`."""
    return {"object": "list", "data": [show_model(model) for model in engine.models.all]}


def show_model(model: Model) -> Json:
    """One model object."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "system",
        "shutdown_date": model.shutdown,
    }


def embed(engine: Engine, body: Json) -> tuple[Json, Model, Used]:
    """`POST /v1/embeddings`: texts that share words get near vectors. Raises Refusal."""
    model = engine.model(body.get("model"), "chat")
    if model.sort != "embedding":
        raise bad("You are not allowed to generate embeddings from this model.", param="model")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise missing("input")
    if all(isinstance(token, int) for token in texts):
        texts = [texts]
    size = body.get("dimensions") or _DIMENSIONS[model.name]
    if not isinstance(size, int) or not 1 <= size <= _DIMENSIONS[model.name]:
        raise bad(
            f"Invalid 'dimensions': expected at most {_DIMENSIONS[model.name]}, got {size}.",
            param="dimensions",
        )
    encoded = body.get("encoding_format") == "base64"
    tokens = 0
    data = []
    for at, text in enumerate(texts):
        tokens += engine.tokenizer.count(text) if isinstance(text, str) else len(text)
        vector = _vector(engine, str(text), size)
        shown: Any = base64.b64encode(array("f", vector).tobytes()).decode() if encoded else vector
        data.append({"object": "embedding", "index": at, "embedding": shown})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model.name, "usage": usage}, model, Used(input=tokens)


def _vector(engine: Engine, text: str, size: int) -> list[float]:
    found = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [text]:
        for at in range(_SPREAD):
            bits = engine.dice.bits("embedding", word, at)
            found[bits % size] += 1.0 if bits >> 63 else -1.0
    length = math.sqrt(sum(x * x for x in found)) or 1.0
    return [x / length for x in found]


def decide(engine: Engine, body: Json) -> tuple[Json, Model, Used]:
    """`POST /v1/decisions`: one answer a question; a taught task that matches decides. Raises Refusal."""
    model = engine.model(body.get("model"), "chat")
    if model.name != "gpt-6-luna":
        raise bad(f"The model '{model.name}' is not supported for decisions.", param="model")
    questions = body.get("questions")
    if not isinstance(questions, list) or not 1 <= len(questions) <= 400:
        raise missing("questions")
    texts = [text_of(item.get("content"), "input") for item in items_of(body.get("input"))]
    text = "\n".join(texts)
    answers = [_decided(engine, model, text, question, at) for at, question in enumerate(questions)]
    tokens = engine.tokenizer.count(text) + sum(engine.tokenizer.count(json_text(q)) for q in questions)
    usage = {
        "input_tokens": tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens,
    }
    return {"answers": answers, "model": model.snapshot, "usage": usage}, model, Used(input=tokens)


def _decided(engine: Engine, model: Model, text: str, question: Any, at: int) -> Json:
    if not isinstance(question, dict) or question.get("type") not in {"predicate", "choice", "score"}:
        raise bad(
            f"Invalid value for 'questions[{at}].type'.", param=f"questions[{at}].type", code="invalid_value"
        )
    kind = question["type"]
    named = {"type": kind, "name": question.get("name")}
    said, sure = _taught(engine, model, text, question)
    if kind == "predicate":
        drawn = engine.dice.share("predicate", text, json_text(question))
        yes = drawn if said is None else (sure if said.lower() in {"yes", "true"} else 1 - sure)
        return named | {"probability": round(yes, 4)}
    options = question.get("choices" if kind == "choice" else "levels") or []
    values = [
        option.get("value" if kind == "choice" else "label") for option in options if isinstance(option, dict)
    ]
    if not values:
        raise missing(f"questions[{at}].{'choices' if kind == 'choice' else 'levels'}")
    weights = [engine.dice.share(kind, text, str(value), at) + 0.05 for value in values]
    if said is not None and said in {str(v) for v in values}:
        weights = [sure if str(v) == said else (1 - sure) / max(1, len(values) - 1) for v in values]
    shares = [weight / sum(weights) for weight in weights]
    best = max(range(len(values)), key=shares.__getitem__)
    if kind == "choice":
        each = [{"value": v, "probability": round(p, 4)} for v, p in zip(values, shares, strict=True)]
        return named | {"choice": values[best], "confidence": round(shares[best], 4), "probabilities": each}
    each = [
        {"label": v, "value": i, "probability": round(p, 4)}
        for i, (v, p) in enumerate(zip(values, shares, strict=True))
    ]
    score = sum(i * p for i, p in enumerate(shares))
    return named | {"score": round(score, 4), "confidence": round(shares[best], 4), "probabilities": each}


def _taught(engine: Engine, model: Model, text: str, question: Json) -> tuple[str | None, float]:
    """What a lesson says on the input and the question together, and how sure the model is of it."""
    turn = Turn(role="user", text=f"{text}\n{text_of(question.get('instructions'), 'questions')}")
    ask = Ask(endpoint="responses", body={}, model=model, turns=(turn,))
    lesson = engine.answerer.school.lesson(ask)
    if lesson is None:
        return None, 0.0
    given = engine.answerer.school.answer(lesson, ask, None)
    low, high = (0.8, 0.99) if given.right else (0.55, 0.9)
    sure = low + (high - low) * engine.dice.share("sure", turn.text)
    return (given.say if isinstance(given.say, str) else None), sure
