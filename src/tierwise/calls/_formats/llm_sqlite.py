"""simonw/llm: logs.db, its tables since 0.32 (threads, turns, messages, parts) and before.

Since 0.32 a turn holds the call and points into a tree of messages; the old tables
(conversations, responses) stay as they were, usually empty, and rows from the time when both
were written share their id. Raw answers are stored condensed: `{"$": key}` stands for content
that is elsewhere in the database, and for usage details that are all zero, so usage is taken
from the turn's own columns first. The database is only read.

The id of a call is the turn's, not OpenAI's: logs may repeat the latter (replayed answers).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._exports import assembled, chat_body, chat_usage, model_name, require_openai
from tierwise.calls._formats._messages import answer_body, chat_messages
from tierwise.calls._types import Call, Place, Record, Skipped
from tierwise.calls._values import embedded, first, mapping, moment, text

Row = Mapping[str, Any]

_CHAIN = """
with recursive chain(hash, parent_hash, role, depth) as (
  select hash, parent_hash, role, 0 from messages where hash = ?
  union all
  select m.hash, m.parent_hash, m.role, chain.depth + 1
  from messages m join chain on m.hash = chain.parent_hash where chain.depth < 5000
)
select chain.hash, chain.role, p.type, p.tool_name, p.text, p.payload
from chain left join parts p on p.message_hash = chain.hash
order by chain.depth desc, p.position
"""
_TURN_TOOLS = """
select t.name, t.description, t.input_schema from turn_tools j join tools t on t.id = j.tool_id
where j.turn_id = ?
"""
_RESPONSE_TOOLS = """
select t.name, t.description, t.input_schema from tool_responses j join tools t on t.id = j.tool_id
where j.response_id = ?
"""


def _matches(sample: Sample) -> bool:
    turns, responses = sample.tables.get("turns", ()), sample.tables.get("responses", ())
    return ("thread_id" in turns and "model" in turns) or (
        "conversation_id" in responses and "datetime_utc" in responses
    )


def read_database(connection: sqlite3.Connection, file: int) -> Iterable[Record]:
    """The calls of both generations of tables; what cannot be read is a Skipped. Never writes."""
    # Text that is no UTF-8 must not end the reading of a whole table.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    number = 0
    try:
        reader = _Reader(connection)
        for row, read in reader.rows():
            number += 1
            place = Place(file=file, line=number)
            try:
                yield read(row, place)
            except BadRecord as bad:
                yield Skipped(reason=bad.reason, detail=bad.detail[:200], place=place)
    except sqlite3.Error as error:
        place = Place(file=file, line=number + 1)
        yield Skipped(reason="damaged database", detail=str(error)[:200], place=place)


class _Reader:
    """Rows of one database and the tables beside them, as far as this version of llm has any."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        names = connection.execute("select name from sqlite_master where type = 'table'")
        self._tables = frozenset(name for (name,) in names)
        self._history: list[dict[str, Any]] = []
        self._conversation: str | None = None

    def rows(self) -> Iterator[tuple[Row, Any]]:
        """Each call's row with the function that reads it; old rows that are also turns left out."""
        new = "turns" in self._tables
        if new:
            for row in self._all("select * from turns order by id"):
                yield row, self.turn
        if "responses" in self._tables:
            known = "where id not in (select id from turns)" if new else ""
            sql = f"select * from responses {known} order by conversation_id, id"  # noqa: S608 - no outside text
            for row in self._all(sql):
                yield row, self.response

    def turn(self, row: Row, place: Place) -> Call:
        """The call of one row of `turns`."""
        sent = self._chain(row.get("parent_message_hash"))
        own = self._chain(row.get("tip_message_hash"))[len(sent) :]
        raw = mapping(row.get("response_json"))
        tools = self._tools(_TURN_TOOLS, "turn_tools", row)
        return self._call(row, place, sent=sent, own=own, raw=raw, tools=tools)

    def response(self, row: Row, place: Place) -> Call:
        """The call of one row of `responses`, its prompt rebuilt from the conversation so far."""
        conversation = text(row.get("conversation_id"))
        if conversation is None or conversation != self._conversation:
            self._conversation, self._history = conversation, []
        logged, _ = chat_messages(mapping(row.get("prompt_json")).get("messages"))
        told = logged and "$" not in str(mapping(row.get("prompt_json")))
        asked = self._asked(row)
        sent = logged if told else self._before(asked) + asked
        own = [self._answered(row)]
        if not told:
            self._history += [m for m in asked if m.get("role") != "system"] + own
        raw = mapping(row.get("response_json"))
        tools = self._tools(_RESPONSE_TOOLS, "tool_responses", row)
        return self._call(row, place, sent=sent, own=own, raw=raw, tools=tools)

    def _call(
        self,
        row: Row,
        place: Place,
        *,
        sent: list[dict[str, Any]],
        own: list[dict[str, Any]],
        raw: Row,
        tools: list[Any],
    ) -> Call:
        model = model_name(row.get("model"))
        served = model_name(raw.get("model")) or model_name(row.get("resolved_model"))
        require_openai(None, served or model)
        parameters = dict(mapping(row.get("options_json"))) | self._schema(row)
        duration = row.get("duration_ms")
        return assembled(
            place,
            endpoint="responses" if raw.get("object") == "response" else "chat",
            request=chat_body(model=model, messages=sent, tools=tools, parameters=parameters),
            response=_answer(own, raw),
            usage=_usage(row, raw),
            model_asked=model,
            model_served=served,
            failed=None,
            id=text(row.get("id")),
            at=moment(row.get("datetime_utc")),
            latency=duration * 1_000 if type(duration) is int and duration >= 0 else None,
            session=text(first(row, "thread_id", "conversation_id")),
        )

    def _all(self, sql: str, *values: Any) -> Iterator[dict[str, Any]]:
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        for values_ in cursor:
            yield dict(zip(names, values_, strict=True))

    def _chain(self, tip: Any) -> list[dict[str, Any]]:
        """The messages from the first to the one given, in wire form."""
        if not isinstance(tip, str) or not {"messages", "parts"} <= self._tables:
            return []
        order: dict[str, dict[str, Any]] = {}
        for row in self._all(_CHAIN, tip):
            message = order.setdefault(row["hash"], {"role": row["role"], "parts": []})
            if row["type"] is not None:
                message["parts"].append(self._part(row))
        return [wire for message in order.values() for wire in chat_messages([message])[0]]

    def _part(self, row: Row) -> dict[str, Any]:
        part = {"type": row["type"], "name": row["tool_name"], **mapping(row["payload"])}
        pieces = part.get("text_ref")
        if isinstance(pieces, list):
            part["text"] = "".join(self._piece(mapping(piece)) for piece in pieces)
        return part if row["text"] is None else {**part, "text": row["text"]}

    def _piece(self, piece: Row) -> str:
        literal = piece.get("literal")
        return literal if isinstance(literal, str) else self._fragment(piece.get("fragment"))

    def _fragment(self, key: Any) -> str:
        if not isinstance(key, int) or "fragments" not in self._tables:
            return ""
        found = next(self._all("select content from fragments where id = ?", key), {})
        return found.get("content") or ""

    def _fragments(self, table: str, row: Row) -> str:
        if table not in self._tables:
            return ""
        sql = f'select fragment_id from {table} where response_id = ? order by "order"'  # noqa: S608 - our names
        return "".join(f"{self._fragment(found['fragment_id'])}\n" for found in self._all(sql, row["id"]))

    def _asked(self, row: Row) -> list[dict[str, Any]]:
        system = self._fragments("system_fragments", row) + (text(row.get("system")) or "")
        prompt = self._fragments("prompt_fragments", row) + (text(row.get("prompt")) or "")
        messages = [{"role": "system", "content": system}] if system else []
        if "tool_results" in self._tables:
            for found in self._all("select * from tool_results where response_id = ?", row["id"]):
                result = {"role": "tool", "tool_call_id": text(found.get("tool_call_id")) or ""}
                messages.append({**result, "content": text(found.get("output")) or ""})
        return [*messages, {"role": "user", "content": prompt}] if prompt or not messages else messages

    def _before(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The conversation so far, after the system prompt that the new turn repeats."""
        systems = [asked.pop(0)] if asked and asked[0]["role"] == "system" else []
        return systems + self._history

    def _answered(self, row: Row) -> dict[str, Any]:
        calls: list[dict[str, Any]] = []
        if "tool_calls" in self._tables:
            calls = list(self._all("select * from tool_calls where response_id = ?", row["id"]))
        parts: list[dict[str, Any]] = [{"type": "text", "text": text(row.get("response")) or ""}]
        parts += [{**call, "type": "tool_call", "id": call.get("tool_call_id")} for call in calls]
        return chat_messages([{"role": "assistant", "parts": parts}])[0][0]

    def _tools(self, sql: str, table: str, row: Row) -> list[Any]:
        if not {table, "tools"} <= self._tables:
            return []
        return [
            {
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "parameters": embedded(tool["input_schema"]),
                },
            }
            for tool in self._all(sql, row["id"])
        ]

    def _schema(self, row: Row) -> dict[str, Any]:
        key = row.get("schema_id")
        if not isinstance(key, str) or "schemas" not in self._tables:
            return {}
        found = next(self._all("select content from schemas where id = ?", key), {})
        schema = mapping(found.get("content"))
        wrapped = {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
        return {"response_format": wrapped} if schema else {}


def _usage(row: Row, raw: Row) -> Row | None:
    if row.get("input_tokens") is None and row.get("output_tokens") is None:
        return mapping(raw.get("usage")) or None
    usage = chat_usage(input=row.get("input_tokens"), output=row.get("output_tokens")) or {}
    details = mapping(row.get("token_details"))
    for ours, theirs in (
        ("prompt_tokens_details", "input_tokens_details"),
        ("completion_tokens_details", "output_tokens_details"),
    ):
        found = mapping(first(details, ours, theirs))
        usage[ours] = {key: value for key, value in found.items() if type(value) is int}
    return usage


def _answer(own: list[dict[str, Any]], raw: Row) -> dict[str, Any] | None:
    """The answer from the stored messages; from the raw answer only what is never condensed."""
    body = answer_body(own)
    if body is None:
        return None
    choices = raw.get("choices")
    finish = mapping(choices[0]).get("finish_reason") if isinstance(choices, list) and choices else None
    for choice in body["choices"]:
        choice["finish_reason"] = finish if isinstance(finish, str) else None
    kept = {
        key: raw[key]
        for key in ("id", "model", "created", "created_at", "service_tier", "status")
        if isinstance(raw.get(key), str | int | float)
    }
    return {**body, **kept}


FORMAT = Format(
    name="llm",
    title="simonw/llm logs.db",
    matches=_matches,
    read_database=read_database,
)
