"""The log: a line an event, as text or JSON, and nothing in it that must not be."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tierwise.errors import ConfigurationError
from tierwise.gateway import logging_to, scrub

HOSTILE: list[tuple[str, str]] = [
    ("key sk-proj-abcDEF123456_x-y is wrong", "key sk-*** is wrong"),
    ("tw-0123456789ab-sEcReT_sEcReT", "tw-***"),
    ("a=sk-svcacct-abcdef,b=tw-abcdef-ghi;", "a=sk-***,b=tw-***;"),
    ("api_key_sk-abcdefgh", "api_key_sk-***"),
    ("?q=Bearer%20sk-abcdefgh", "?q=Bearer%20sk-***"),
    ("Authorization: Bearer eyJhbGciOi.x.y", "Authorization: Bearer ***"),
    ("SK-ABCDEFGH", "SK-***"),
    ("postgresql+psycopg://app:s3cret@db/x", "postgresql+psycopg://app:***@db/x"),
    ("one\ntwo\r\nlevel=error event=made-up", "one\\ntwo\\r\\nlevel=error event=made-up"),
    ("bell\x07 escape\x1b[31m line\u2028break", "bell\\x07 escape\\x1b[31m line\\u2028break"),
    ("task-classification and risk-assessment", "task-classification and risk-assessment"),
    ("straße 東京", "straße 東京"),
]


@pytest.mark.parametrize(("text", "clean"), HOSTILE, ids=[h[1] for h in HOSTILE])
def test_keys_and_line_breaks_are_taken_out(text: str, clean: str) -> None:
    assert scrub(text) == clean


def logged(form: Any, write: Any, **options: Any) -> list[str]:
    stream = io.StringIO()
    with logging_to(stream, form, **options):
        write()
    return stream.getvalue().splitlines()


def fail() -> None:
    foreign = ValueError("the prompt: my mother's name is\nsk-abcdefghijkl")
    raise ConfigurationError("line 3: found\ntw-abcdef-ghijkl") from foreign


def hostile() -> None:
    log = logging.getLogger("tierwise.gateway")
    try:
        fail()
    except ConfigurationError:
        log.exception(
            "it failed for %s\n{}", "sk-proj-abcdefgh", extra={"fields": {"who": "a\nb tw-abcdefg"}}
        )


def test_json_is_one_object_a_line_without_keys_or_what_foreign_exceptions_say() -> None:
    (line,) = logged("json", hostile)
    told = json.loads(line)
    assert told["event"] == "it failed for sk-***\\n{}"
    assert told["who"] == "a\\nb tw-***"
    assert (told["level"], told["logger"]) == ("error", "tierwise.gateway")
    assert told["time"].endswith("Z")
    assert told["exception"].startswith("ConfigurationError: line 3: found\\ntw-*** at test_logs.py:")
    assert told["exception"].endswith("; after ValueError")
    assert "mother" not in line


def test_of_other_packages_messages_only_the_first_line_is_told() -> None:
    def write() -> None:
        logging.getLogger("asyncio").error(
            "never retrieved\nfuture: <Task exception=ValueError('my mother')>"
        )

    (line,) = logged("json", write)
    assert json.loads(line)["event"] == "never retrieved"


def test_text_is_one_line_too() -> None:
    (line,) = logged("text", hostile)
    assert " error   it failed for sk-***\\n{} who=" in line
    assert "abcdef" not in line
    assert "mother" not in line


def test_levels_hold_for_ours_and_other_packages_begin_at_warning() -> None:
    def write() -> None:
        for name in ("tierwise", "tierwise.calls", "aiohttp.server"):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger(name).log(level, "%s %s", name, level)

    def told(**options: Any) -> set[str]:
        return {json.loads(line)["event"] for line in logged("json", write, **options)}

    calm = {"tierwise 30", "tierwise.calls 30", "aiohttp.server 30"}
    assert told(level="warning") == calm
    assert told(level="warning", calls=True) == calm | {"tierwise.calls 20"}
    assert told(level="info") == calm | {"tierwise 20", "tierwise.calls 20"}
    assert told(level="debug") == calm | {
        "tierwise 20",
        "tierwise.calls 20",
        "tierwise 10",
        "tierwise.calls 10",
    }


def test_loggers_are_as_before_afterwards() -> None:
    root, ours = logging.getLogger(), logging.getLogger("tierwise")
    before = root.handlers[:], root.level, ours.level
    logged("json", hostile, level="debug", calls=True)
    assert (root.handlers[:], root.level, ours.level) == before


def test_arguments_that_do_not_fit_and_long_texts_are_told_as_far_as_they_go() -> None:
    def write() -> None:
        logging.getLogger("tierwise").warning("%s and %d", "x", "y")
        logging.getLogger("tierwise").warning("x" * 5_000)

    odd, long = (json.loads(line)["event"] for line in logged("json", write))
    assert odd == "%s and %d"
    assert len(long) == 2_003


def lines_of(stream: io.StringIO, count: int) -> list[dict[str, Any]]:
    end = time.monotonic() + 10
    while len(stream.getvalue().splitlines()) < count and time.monotonic() < end:
        time.sleep(0.01)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_call_has_a_line_where_that_is_asked_for(start: Callable[..., Any]) -> None:
    bench, stream = start(log_calls=True), io.StringIO()
    said = "a text that nobody else may read"
    with logging_to(stream, "json", calls=True):
        client = bench.client(bench.key("app", project="support"))
        reply = client.responses.with_raw_response.create(model="gpt-5.5", input=said)
        list(client.responses.create(model="gpt-5.5", input=said, stream=True))
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="gpt-nowhere", input=said)
        poor = bench.client(bench.key("poor", budget={"day": "0.0000001"}))
        with pytest.raises(openai.RateLimitError):
            poor.responses.create(model="gpt-5.5", input=said, max_output_tokens=2_000)
        one, streamed, wrong, refused = lines_of(stream, 4)
    header = {name.removeprefix("x-tierwise-"): value for name, value in reply.headers.items()}
    assert {name: one[name] for name in ("decision", "rung", "lane", "rule", "cost")} == {
        name: header[name] for name in ("decision", "rung", "lane", "rule", "cost")
    }
    assert (one["key"], one["project"], one["asked"], one["status"]) == ("app", "support", "gpt-5.5", "ok")
    assert one["model"] == json.loads(reply.content)["model"]
    assert one["latency_ms"] > 0
    assert (streamed["status"], streamed["http_status"]) == ("ok", 200)
    assert (wrong["status"], wrong["error"], wrong["http_status"]) == ("error", "model_not_found", 400)
    assert (refused["status"], refused["http_status"], refused["key"]) == ("refused", 429, "poor")
    assert said not in stream.getvalue()
    assert "tw-" not in stream.getvalue()


def test_without_being_asked_for_no_call_has_a_line(bench: Any) -> None:
    stream = io.StringIO()
    with logging_to(stream, "json"):
        bench.client().responses.create(model="gpt-5.5", input="Hi")
        bench.settled(1)
    assert stream.getvalue() == ""
