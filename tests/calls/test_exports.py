"""OpenAI's usage and cost exports, CSV and API, and stored responses."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tierwise.calls import Bucket, CostLine
from tierwise.catalog import Tokens

USAGE_COLUMNS = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,"
    "batch,service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens,"
    "input_text_tokens,output_text_tokens,input_cached_text_tokens,input_audio_tokens,"
    "input_cached_audio_tokens,output_audio_tokens,input_image_tokens,input_cached_image_tokens,output_image_tokens"
)
DAY = "1793491200,1793577600,2026-11-01T00:00:00+00:00,2026-11-02T00:00:00+00:00"


def usage_row(batch: str = "False", tier: str = "default", counts: str = "5000,1000,4000") -> str:
    return f"{DAY},proj_a,5,user-a,key_a,gpt-5.4-2026-03-05,{batch},{tier},{counts},1000,,,,300,100,200,,,"


def test_a_usage_row_becomes_a_bucket(log, everything):
    (bucket,) = everything(log(USAGE_COLUMNS, usage_row(), name="completions_usage_2026.csv"))

    assert isinstance(bucket, Bucket)
    assert (bucket.start, bucket.end) == (1_793_491_200_000_000, 1_793_577_600_000_000)
    assert (bucket.project, bucket.key, bucket.user) == ("proj_a", "key_a", "user-a")
    assert (bucket.requests, bucket.model) == (5, "gpt-5.4-2026-03-05")
    assert bucket.tokens == Tokens(
        uncached=800, cached=3900, audio_input=200, audio_cached=100, output=800, audio_output=200
    )


@pytest.mark.parametrize(
    ("batch", "tier", "lane", "basis", "free"),
    [
        ("True", "default", "batch", "served", False),
        ("true", "", "batch", "served", False),
        ("False", "flex", "flex", "served", False),
        ("False", "priority", "priority", "served", False),
        ("", "", "standard", "assumed", False),
        ("False", "incentivized-tier", "standard", "served", True),
    ],
)
def test_a_usage_row_says_its_lane(batch, tier, lane, basis, free, log, everything):
    (bucket,) = everything(log(USAGE_COLUMNS, usage_row(batch, tier), name="u.csv"))

    assert (bucket.lane, bucket.lane_basis, bucket.free) == (lane, basis, free)


def test_days_without_use_are_no_records(log, everything):
    assert everything(log(USAGE_COLUMNS, DAY + "," * 20, DAY, name="u.csv")) == []
    times = "start_time,end_time,start_time_iso,end_time_iso"
    assert everything(log(times, DAY, name="completions_usage_x.csv")) == []
    assert everything(log(times, DAY, name="cost_x.csv")) == []


def test_cost_rows_keep_every_digit(log, everything):
    columns = (
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,"
        "project_id,organization_id,organization_name"
    )
    lines = everything(
        log(
            columns,
            f'{DAY},0.1000000000000000055511151231257827,usd,"gpt-5.4, input",proj_a,org,Acme',
            DAY + ",,,,,,",
            f"{DAY},2.50,USD,Web search tool calls,,org,Acme",
            name="cost_2026.csv",
        )
    )

    assert [type(line) for line in lines] == [CostLine, CostLine]
    assert str(lines[0].amount) == "0.1000000000000000055511151231257827"
    assert (lines[0].line_item, lines[0].project) == ("gpt-5.4, input", "proj_a")
    assert (lines[1].amount, lines[1].currency, lines[1].project) == (Decimal("2.50"), "usd", None)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ("-1,1000,0", "impossible usage"),
        ("NaN,1000,0", "impossible usage"),
        ("1.5,1000,0", "impossible usage"),
        ("10,1000,4000", "impossible usage"),
        ("99999999999999999999,0,0", "impossible usage"),
    ],
)
def test_impossible_rows_are_skipped_and_the_rest_is_read(counts, reason, log, everything):
    records = everything(log(USAGE_COLUMNS, usage_row(counts=counts), usage_row(), name="u.csv"))

    assert (records[0].reason, records[0].place.line) == (reason, 2)
    assert isinstance(records[1], Bucket)


def page(*results: dict, start: int = 1_793_491_200) -> dict:
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


USAGE_RESULT = {
    "object": "organization.usage.completions.result",
    "input_tokens": 5000,
    "output_tokens": 1000,
    "input_cached_tokens": 4000,
    "input_cache_write_tokens": 600,
    "input_cache_write_12h_tokens": 200,
    "num_model_requests": 5,
    "model": "gpt-6-luna",
    "batch": True,
}


def cost_result(value: str) -> str:
    """JSON text, so that the number stays as written."""
    result = f'{{"object": "organization.costs.result", "amount": {{"value": {value}, "currency": "usd"}}}}'
    return json.dumps(page({"hole": 1})).replace('{"hole": 1}', result)


def test_a_page_of_the_usage_api_becomes_buckets(log, everything):
    (bucket,) = everything(log(page(USAGE_RESULT), name="page.json"))

    assert bucket.tokens == Tokens(uncached=400, cached=4000, written=400, written_12h=200, output=1000)
    assert (bucket.lane, bucket.requests, bucket.model) == ("batch", 5, "gpt-6-luna")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.06", "0.06"),
        ('"2.25"', "2.25"),
        ("1e-7", "1E-7"),
        ("0.12345678901234567890", "0.12345678901234567890"),
    ],
)
def test_an_amount_is_read_exactly_as_number_and_as_text(value, amount, log, everything):
    (line,) = everything(log(cost_result(value), name="costs.json"))

    assert str(line.amount) == amount


@pytest.mark.parametrize("shape", ["pages by line", "array of buckets", "indented page"])
def test_pages_are_read_in_any_wrapping(shape, log, everything):
    one, two = page(USAGE_RESULT), page(USAGE_RESULT, start=1_793_577_600)
    if shape == "pages by line":
        path = log(one, two, name="x.json")
    elif shape == "array of buckets":
        path = log([*one["data"], *two["data"]], name="x.json")
    else:
        path = log(json.dumps({**one, "data": one["data"] + two["data"]}, indent=2), name="x.json")

    assert [bucket.start for bucket in everything(path)] == [1_793_491_200_000_000, 1_793_577_600_000_000]


def test_one_bad_result_does_not_lose_the_page(log, everything):
    bad = {**USAGE_RESULT, "input_tokens": -5}
    records = everything(log(page(bad, USAGE_RESULT), name="x.json"))

    assert records[0].reason == "impossible usage"
    assert isinstance(records[1], Bucket)


STORED = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_780_000_000,
    "model": "gpt-5.5-2026-04-23",
    "status": "completed",
    "instructions": "Answer briefly.",
    "tools": [{"type": "function", "name": "f"}],
    "temperature": 1.0,
    "metadata": {"feature": "chat"},
    "service_tier": "flex",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 10, "output_tokens": 2},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_780_000_000,
    "model": "gpt-5.4-2026-03-05",
    "choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    "metadata": None,
}


def test_a_stored_response_tells_its_workload(log, everything):
    (call,) = everything(log(STORED))

    assert (call.id, call.lane, call.status, call.metadata) == ("resp_1", "flex", "ok", {"feature": "chat"})
    assert (call.model_asked, call.model_served) == (None, "gpt-5.5-2026-04-23")
    assert call.request.messages[0].text == "Answer briefly."
    assert call.request.tools


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_stored_completions_is_read_item_by_item(indent, log, everything):
    listed = {"object": "list", "data": [COMPLETION, STORED, {"object": "thread"}], "has_more": False}
    records = everything(log(json.dumps(listed, indent=indent), name="stored.json"))

    assert [getattr(record, "endpoint", record) for record in records[:2]] == ["chat", "responses"]
    assert records[0].status == "incomplete"
    assert records[2].reason == "not a stored response"
