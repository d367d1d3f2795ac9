"""Batches: validated, run and finished as the clock goes on, looked at whenever somebody asks.

No task runs in the background: a look brings a batch to where it is by now. Lines are answered in
order of the file and written in another order, as the API does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tierwise.simulator._ask import Json
from tierwise.simulator._engine import Engine
from tierwise.simulator._errors import ODD, Refusal, bad, missing, not_found, odd_is_refused
from tierwise.simulator._faults import Fault, Faults
from tierwise.simulator._files import Files
from tierwise.simulator._lines import ENDPOINTS, Line, Problem, read_lines

RunLine = Callable[[str, Line, str], tuple[Json, Json]]
"""Runs a line: endpoint, line, key; returns the answer's body and its usage; raises Refusal."""
_DAY: Final = 86_400
_LOOK: Final = 2_000
"""Lines answered at one look at most, so that a look does not take minutes."""
_VALIDATED, _DONE = 0.1, 0.9
"""Shares of the batch's time after which it is validated, and all lines are answered."""


class Batch(msgspec.Struct, kw_only=True):
    """One batch. Times are Unix seconds, None before they happen."""

    id: str
    input_file_id: str
    endpoint: str
    metadata: Json | None
    key: str
    created: float
    output_expires: int | None = None
    fault: Fault | None = None
    status: str = "validating"
    model: str | None = None
    lines: list[Line] = []
    problems: list[Problem] = []
    input_tokens: int = 0
    done: int = 0
    """Lines answered, from the start of the file."""
    output: list[Json] = []
    failed: list[Json] = []
    usage: dict[str, int] = {}
    times: dict[str, int] = {}
    """By the name of the field: in_progress_at, completed_at, ..."""
    output_file_id: str | None = None
    error_file_id: str | None = None

    @property
    def running(self) -> bool:
        """Whether it still counts against the enqueued limit."""
        return self.status in {"validating", "in_progress", "finalizing", "cancelling"}


class Batches:
    """All batches of the account."""

    def __init__(self, engine: Engine, files: Files, faults: Faults, run: RunLine) -> None:
        self._engine = engine
        self._files = files
        self._faults = faults
        self._run = run
        self._batches: dict[str, Batch] = {}

    @odd_is_refused()
    def create(self, body: Json, key: str) -> Json:
        """Accept a batch; what is wrong with its file shows later, in its status."""
        for name in ("input_file_id", "endpoint", "completion_window"):
            if body.get(name) is None:
                raise missing(name)
        if body["endpoint"] not in ENDPOINTS:
            raise bad(f"Invalid value: '{body['endpoint']}'. Supported values are: {', '.join(ENDPOINTS)}.", param="endpoint", code="invalid_value")  # fmt: skip
        if body["completion_window"] != "24h":
            raise bad("Invalid value for 'completion_window': only '24h' is supported.", param="completion_window", code="invalid_value")  # fmt: skip
        _metadata(body.get("metadata"))
        file = self._files.get(body["input_file_id"])
        if file.purpose != "batch":
            raise bad(
                f"File '{file.id}' has purpose '{file.purpose}', expected 'batch'.", param="input_file_id"
            )
        now = self._engine.clock()
        recent = sum(now - batch.created < 3_600 for batch in self._batches.values())
        if recent >= self._engine.settings.limits.batches:
            raise Refusal(429, "Too many batches were created in the last hour.", kind="requests", code="rate_limit_exceeded")  # fmt: skip
        expires = (body.get("output_expires_after") or {}).get("seconds")
        made = Batch(
            id=self._engine.ids.plain("batch"),
            input_file_id=file.id,
            endpoint=body["endpoint"],
            metadata=body.get("metadata"),
            key=key,
            created=now,
            output_expires=expires,
            fault=self._faults.strike("/v1/batches", batch=True),
        )
        self._batches[made.id] = made
        return show(made)

    def get(self, name: str) -> Json:
        """The batch object as of now; 404 where there is none."""
        return show(self._now(name))

    def all(self) -> list[Json]:
        """All batches, newest first."""
        self.advance()
        return [show(batch) for batch in reversed(self._batches.values())]

    def cancel(self, name: str) -> Json:
        """Begin to cancel: what is answered by then is kept and billed."""
        batch = self._now(name)
        if batch.status not in {"validating", "in_progress", "finalizing"}:
            raise Refusal(409, f"Cannot cancel a batch with status '{batch.status}'.")
        batch.status = "cancelling"
        batch.times["cancelling_at"] = int(self._engine.clock())
        return show(batch)

    def advance(self) -> None:
        """Bring every batch to now, the oldest first: they share the enqueued limit."""
        for batch in self._batches.values():
            if batch.running:
                self._advance(batch)

    def _now(self, name: str) -> Batch:
        batch = self._batches.get(name)
        if batch is None:
            raise not_found(f"No batch found with id '{name}'.")
        self.advance()
        return batch

    def _advance(self, batch: Batch) -> None:
        clock = self._engine.clock()
        passed = (clock - batch.created) / max(self._engine.settings.batch_seconds, 1e-9)
        if batch.status == "cancelling":
            if clock - batch.times["cancelling_at"] >= self._engine.settings.batch_seconds / 4:
                self._end(batch, "cancelled", "This request was cancelled.", "batch_cancelled")
            return
        if batch.status == "validating" and passed >= _VALIDATED:
            self._validate(batch)
        if batch.status == "in_progress":
            self._work(batch, passed)
        if batch.status == "in_progress" and clock >= batch.created + _DAY and batch.done < len(batch.lines):
            self._end(batch, "expired", _EXPIRED, "batch_expired")
        if batch.status == "finalizing" and passed >= 1:
            early = batch.fault is not None and batch.fault.kind == "batch_expired"
            self._end(batch, "expired" if early else "completed", _EXPIRED, "batch_expired")

    def _validate(self, batch: Batch) -> None:
        try:
            content = self._files.get(batch.input_file_id).content
        except Refusal as refused:
            content, batch.problems = b"", [Problem(code="invalid_file", message=refused.message)]
        if not batch.problems:
            batch.lines, batch.problems = read_lines(content, batch.endpoint)
        if not batch.problems:
            batch.problems = self._admit(batch)
        if batch.problems:
            batch.status, batch.lines = "failed", []
            batch.times["failed_at"] = int(self._engine.clock())
            return
        batch.status = "in_progress"
        batch.times["in_progress_at"] = int(self._engine.clock())

    def _admit(self, batch: Batch) -> list[Problem]:
        """Look at the model, and at the tokens that are enqueued already."""
        name = batch.lines[0].body.get("model")
        try:
            batch.model = self._engine.model(name, "chat").name
        except Refusal as refused:
            return [
                Problem(code=refused.code or "invalid_model", message=refused.message, param="body.model")
            ]
        batch.input_tokens = sum(_estimate(self._engine, batch.endpoint, line) for line in batch.lines)
        others = sum(b.input_tokens for b in self._batches.values() if b.running and b.model == batch.model and b is not batch)  # fmt: skip
        limit = self._engine.settings.limits.enqueued_tokens
        struck = batch.fault is not None and batch.fault.kind == "batch_token_limit"
        if others + batch.input_tokens <= limit and not struck:
            return []
        return [
            Problem(
                code="token_limit_exceeded",
                message=(
                    f"Enqueued token limit reached for {batch.model} in organization org-simulator. "
                    f"Limit: {limit:,} enqueued tokens. Please try again once some in_progress batches have been completed."
                ),
            )
        ]

    def _work(self, batch: Batch, passed: float) -> None:
        """Answer the lines that are due."""
        share = min(1.0, (passed - _VALIDATED) / (_DONE - _VALIDATED))
        due = len(batch.lines) if share >= 1 else int(share * len(batch.lines))
        last = len(batch.lines)
        if batch.fault is not None and batch.fault.kind == "batch_expired":
            last = int(len(batch.lines) * (1 - batch.fault.share))
        for line in batch.lines[batch.done : min(due, last, batch.done + _LOOK)]:
            self._answer(batch, line)
            batch.done += 1
        if share >= 1 and batch.done >= last:
            batch.status = "finalizing"
            batch.times["finalizing_at"] = int(self._engine.clock())

    def _answer(self, batch: Batch, line: Line) -> None:
        request_id = self._engine.ids.plain("req")
        try:
            self._strike_line(batch, line)
            body, used = self._run(batch.endpoint, line, batch.key)
        except Refusal as refused:
            batch.failed.append(_written(self._engine, line, request_id, refused.status, refused.body))
            return
        for name, count in used.items():
            batch.usage[name] = batch.usage.get(name, 0) + count
        batch.output.append(_written(self._engine, line, request_id, 200, body))

    def _strike_line(self, batch: Batch, line: Line) -> None:
        fault = batch.fault
        if fault is None or fault.kind != "batch_line_error":
            return
        if self._engine.dice.share("line", batch.id, line.custom_id) < fault.share:
            raise Refusal(500, "The server had an error while processing your request.", kind="server_error")

    def _end(self, batch: Batch, status: str, message: str, code: str) -> None:
        """Write the files; lines without answer go to the error file where the batch was cut short."""
        if status != "completed":
            for line in batch.lines[batch.done :]:
                error = {"code": code, "message": message}
                batch.failed.append(_record(self._engine, line) | {"response": None, "error": error})
        output = self._engine.dice.shuffled(batch.output, "order", batch.id)
        if batch.fault is not None and batch.fault.kind == "batch_duplicate":
            output += [
                each for each in output if self._engine.dice.share("twice", each["id"]) < batch.fault.share
            ]
        batch.output_file_id = self._write(batch, output, "output")
        batch.error_file_id = self._write(batch, batch.failed, "error")
        batch.status = status
        batch.times[f"{status}_at"] = int(self._engine.clock())

    def _write(self, batch: Batch, lines: list[Json], kind: str) -> str | None:
        if not lines:
            return None
        content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        return self._files.produce(content, f"{batch.id}_{kind}.jsonl", batch.output_expires).id


_EXPIRED: Final = "This request could not be executed before the completion window expired."


def _metadata(given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, dict) or len(given) > 16:
        raise bad("Invalid 'metadata': expected an object with at most 16 properties.", param="metadata")
    for name, value in given.items():
        if len(name) > 64 or not isinstance(value, str) or len(value) > 512:
            raise bad(f"Invalid 'metadata.{name}': expected a string of at most 512 characters.", param=f"metadata.{name}")  # fmt: skip


def _estimate(engine: Engine, endpoint: str, line: Line) -> int:
    """Input tokens of a line; 0 for one that will be refused."""
    if endpoint.endswith("/embeddings"):
        return engine.tokenizer.count(str(line.body.get("input")))
    try:
        return engine.input_tokens("chat" if endpoint.endswith("/completions") else "responses", line.body)
    except (Refusal, *ODD):
        return 0


def _record(engine: Engine, line: Line) -> Json:
    return {"id": engine.ids.plain("batch_req"), "custom_id": line.custom_id}


def _written(engine: Engine, line: Line, request_id: str, status: int, body: Json) -> Json:
    response = {"status_code": status, "request_id": request_id, "body": body}
    return _record(engine, line) | {"response": response, "error": None}


def show(batch: Batch) -> Json:
    """The batch object."""
    errors = [
        {"code": p.code, "message": p.message, "param": p.param, "line": p.line} for p in batch.problems
    ]
    names = (
        "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at",
    )  # fmt: skip
    used = {name: batch.usage.get(name, 0) for name in ("input", "cached", "output", "reasoning")}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": int(batch.created),
        "expires_at": int(batch.created) + _DAY,
        **{name: batch.times.get(name) for name in names},
        "request_counts": {
            "total": len(batch.lines),
            "completed": len(batch.output),
            "failed": len(batch.failed),
        },
        "usage": {
            "input_tokens": used["input"],
            "input_tokens_details": {"cached_tokens": used["cached"]},
            "output_tokens": used["output"],
            "output_tokens_details": {"reasoning_tokens": used["reasoning"]},
            "total_tokens": used["input"] + used["output"],
        },
        "metadata": batch.metadata,
    }
