from __future__ import annotations

import sqlite3

import pytest

from tierwise.calls import Message, Place, Skipped
from tierwise.calls._format import Sample
from tierwise.catalog import Tokens


@pytest.fixture
def script(request):
    folder = request.path.parent / "fixtures"
    return lambda name: (folder / f"{name}.sql").read_text("utf-8")


def test_turns_are_read_with_prompt_tools_schema_and_answer(script, read_sql):
    call = read_sql(script("llm_new"))[0]
    assert call.tokens == Tokens(uncached=376, cached=1024, output=12, reasoning=8)
    assert (call.id, call.session) == ("turn-1", "thread-1")
    assert (call.model_asked, call.model_served) == ("gpt-5.4-mini", "gpt-5.4-mini-2026-03-05")
    assert (call.lane, call.lane_basis, call.latency) == ("flex", "served", 900_000)
    assert call.request.messages == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Sum up: A long page."),
    )
    assert b'"clock"' in call.request.tools
    assert b'"json_schema"' in call.request.schema
    assert call.request.temperature == 0.5
    assert (call.response.tool_calls, call.response.finish) == (("clock",), "tool_calls")


def test_a_later_turn_has_the_whole_chain_before_it(script, read_sql):
    call = read_sql(script("llm_new"))[1]
    assert [m.role for m in call.request.messages] == ["system", "user", "assistant", "tool"]
    assert call.request.messages[2].tool_calls[0].function.arguments == '{"zone":"UTC"}'
    assert (call.request.messages[3].tool_call_id, call.request.messages[3].text) == ("c1", "10:00")
    assert (call.response.text, call.status) == ("It is ten.", "ok")


def test_a_call_in_both_generations_of_tables_is_read_once(script, read_sql):
    records = read_sql(script("llm_new"))
    assert [getattr(r, "id", None) for r in records] == ["turn-1", "turn-2", None]
    assert records[2] == Skipped(
        reason="not an OpenAI call", detail="served by claude-sonnet-4.5", place=Place(file=3, line=3)
    )


def test_old_responses_are_read_with_the_conversation_before_them(script, read_sql):
    alone, bad, first, second = read_sql(script("llm_old"))
    assert (alone.reason, bad.reason) == ("impossible date", "impossible usage")
    assert first.tokens == Tokens(uncached=30, output=2)
    assert (first.model_served, first.request.max_output_tokens) == ("gpt-4o-mini-2024-07-18", 50)
    assert [(m.role, m.text) for m in second.request.messages] == [
        ("system", "Be kind."),
        ("user", "First?"),
        ("assistant", "One."),
        ("user", "The report.\nSecond?"),
    ]
    assert (second.tokens, second.session) == (Tokens(uncached=60, output=3), "c-1")


@pytest.mark.parametrize(
    "sql",
    [
        "create table turns (id text, thread_id text, model text)",
        "create table responses (id text, conversation_id text, datetime_utc text)",
        "create table other (id text)",
        "create table turns (thread_id text, model text)",
    ],
)
def test_a_database_of_another_version_gives_no_traceback(sql, read_sql):
    assert all(isinstance(record, Skipped) for record in read_sql(sql))


def test_a_row_of_odd_types_is_skipped_or_read(read_sql, script):
    odd = "update turns set input_tokens = x'ff', options_json = 'not json', tip_message_hash = 5;"
    records = read_sql(script("llm_new") + odd)
    assert [r.reason for r in records] == ["impossible usage", "impossible usage", "not an OpenAI call"]


def test_a_chain_that_bites_its_tail_ends(read_sql, script):
    records = read_sql(script("llm_new") + "update messages set parent_hash = 'm3' where hash = 'm1';")
    assert len(records) == 3


def test_the_database_is_never_written(format_of, script, tmp_path):
    path = tmp_path / "logs.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(script("llm_new"))
    connection.close()
    before = path.read_bytes()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert list(format_of("llm_sqlite").read_database(connection, 0))
    connection.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["logs.db"]


def test_either_generation_of_tables_is_recognised(format_of):
    matches = format_of("llm_sqlite").matches
    new = {"turns": ("id", "thread_id", "model")}
    old = {"responses": ("id", "conversation_id", "datetime_utc")}
    assert [
        matches(Sample(name="logs.db", shape="sqlite", tables=t)) for t in (new, old, {"x": ("id",)}, {})
    ] == [True, True, False, False]
