"""JSON: exact, in a fixed order, described by its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tierwise.audit import LEVERS, Findings
from tierwise.report import json_bytes, json_schema, schema_text


def test_the_json_of_a_week_is_the_golden_one(made: ModuleType, golden: Callable[[str, str], None]) -> None:
    golden("findings.json", json_bytes(made.findings()).decode())


@pytest.mark.parametrize("which", ["findings", "totals", "nothing", "empty", "unpriced"])
def test_json_decodes_to_equal_findings(made: ModuleType, which: str) -> None:
    whole = getattr(made, which)()
    assert msgspec.json.decode(json_bytes(whole), type=Findings) == whole


def test_what_the_issue_promises_is_there(made: ModuleType) -> None:
    read = json.loads(json_bytes(made.findings()))
    assert {"calls", "skipped", "spend", "models", "workloads", "levers", "could_save", "findings", "shutdowns"} <= set(read)  # fmt: skip
    assert {"total", "unpriced_calls"} <= set(read["spend"])
    workload = {"id", "label", "task", "depth", "calls", "spend", "model", "proposed", "levers", "could_save", "signals"}  # fmt: skip
    assert workload <= set(read["workloads"][0])
    spend = sum((Decimal(row["spend"]) for row in read["workloads"]), Decimal(0))
    assert spend == Decimal(read["spend"]["total"])
    assert sum(map(Decimal, read["levers"].values())) == Decimal(read["could_save"])


def test_levers_stand_in_their_order_and_other_keys_are_sorted(made: ModuleType) -> None:
    whole = made.findings()
    turned = replace(
        whole,
        levers=dict(reversed(whole.levers.items())),
        skipped=dict(reversed(whole.skipped.items())),
    )
    assert json_bytes(turned) == json_bytes(whole)
    assert list(json.loads(json_bytes(turned))["levers"]) == list(LEVERS)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e15", max_value="1e15", places=14))
def test_money_is_written_with_every_digit_and_no_exponent(made: ModuleType, amount: Decimal) -> None:
    written = json.loads(json_bytes(replace(made.nothing(), low=amount)))["low"]
    assert "E" not in written.upper()
    assert Decimal(written) == amount


def test_a_path_that_is_no_text_is_written_all_the_same(made: ModuleType) -> None:
    assert b"caf?.jsonl" in json_bytes(made.hostile())


def test_the_schema_is_text_that_ends_in_one_line_break() -> None:
    assert json.loads(schema_text()) == json_schema()
    assert schema_text().endswith("}\n")


def test_the_schema_describes_structs_and_fields() -> None:
    defs = json_schema()["$defs"]
    assert defs["LeverShare"]["description"] == "What one lever could save, over all workloads or in one."
    assert defs["Spend"]["properties"]["monthly"]["description"].startswith("Spend scaled to 30 days")
    assert set(defs["Findings"]["required"]) == set(Findings.__struct_fields__)


@pytest.mark.parametrize("which", ["findings", "totals", "nothing", "empty", "unpriced", "hostile"])
def test_every_report_holds_to_the_schema(made: ModuleType, which: str) -> None:
    schema = json_schema()
    check(json.loads(json_bytes(getattr(made, which)())), schema, schema["$defs"], "$")


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def check(value: Any, schema: dict[str, Any], defs: dict[str, Any], place: str) -> None:
    """The few words of JSON Schema that our schema uses."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        kinds = [each.get("type", "object") for each in schema["anyOf"]]
        wanted = "null" if value is None else next(kind for kind in kinds if kind != "null")
        schema = schema["anyOf"][kinds.index(wanted)]
    if "enum" in schema:
        assert value in schema["enum"], place
    if "pattern" in schema:
        assert Decimal(value).is_finite(), place
    if schema.get("type") == "object" and "properties" in schema:
        assert set(value) == set(schema["required"]) == set(schema["properties"]), place
        for name, inner in schema["properties"].items():
            check(value[name], inner, defs, f"{place}.{name}")
    elif schema.get("type") == "object":
        for name, each in value.items():
            check(each, schema["additionalProperties"], defs, f"{place}.{name}")
    elif schema.get("type") == "array":
        for index, each in enumerate(value):
            inner = schema.get("items") or schema["prefixItems"][index]
            check(each, inner, defs, f"{place}[{index}]")
    elif "type" in schema:
        assert isinstance(value, TYPES[schema["type"]]), place
