"""docs/policy.md and the schema say what the program does."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tierwise.catalog import Catalog
from tierwise.policy import Learned, parse_policy, save_learned, schema_text
from tierwise.policy._file import DefaultTable, MatchTable, PolicyFile, RuleTable, Table, json_schema
from tierwise.policy._shape import table_in
from tierwise.workloads import key_id, make_key

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "policy.md").read_text("utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_example_holds(catalog: Catalog, evidence_file: Callable[..., Path]) -> None:
    folder = evidence_file().parent
    key = make_key(folder / "tierwise.key")
    save_learned(Learned(key_id=key_id(key)), folder / "learned.tierwise")
    checked = parse_policy(EXAMPLE.encode(), catalog, folder=folder, now=dt.date(2026, 11, 24))
    assert checked.policy is not None, "\n".join(map(str, checked.problems))
    assert [rule.stage for rule in checked.policy.rules] == ["on", "on", "canary", "shadow", "off"]


def test_the_example_has_every_key_of_the_file() -> None:
    found = tomllib.loads(EXAMPLE)
    assert set(found) == set(PolicyFile.__struct_fields__)
    rules = found["rule"]
    assert {key for rule in rules for key in rule} == set(RuleTable.__struct_fields__)
    assert {key for rule in rules for key in rule["match"]} == set(MatchTable.__struct_fields__)


@pytest.mark.parametrize("kind", [PolicyFile, DefaultTable, MatchTable])
def test_every_key_is_explained(kind: type[Table]) -> None:
    for key in kind.__struct_fields__:
        if key not in {"rule", "default"}:
            assert f"`{key}" in PAGE, f"{key} is not in docs/policy.md"


def test_the_schema_is_the_one_in_docs_and_describes_every_key() -> None:
    assert (DOCS / "policy.schema.json").read_text("utf-8") == schema_text()
    defs = json_schema()["$defs"]
    for name, schema in defs.items():
        assert schema["additionalProperties"] is False, name
        for key, field in schema["properties"].items():
            assert field.get("description"), f"{name}.{key}"
    assert set(defs["PolicyFile"]["required"]) == {"ladder", "default"}


def test_the_schema_takes_what_is_taken_and_refuses_unknown_keys() -> None:
    defs = json_schema()["$defs"]
    assert _fits(tomllib.loads(EXAMPLE), PolicyFile, defs)
    assert not _fits({"ladder": "x", "default": {"stgae": "on"}}, PolicyFile, defs)


def _fits(value: dict[str, Any], kind: type[Table], defs: dict[str, Any]) -> bool:
    """Whether keys, in tables within too, are those of the schema."""
    properties = defs[kind.__name__]["properties"]
    if not set(value) <= set(properties):
        return False
    hints = {key: table_in(_hint(kind, key)) for key in value}
    tables = [
        (inner, hints[key])
        for key, each in value.items()
        for inner in (each if isinstance(each, list) else [each])
        if isinstance(inner, dict) and hints[key] is not None
    ]
    return all(_fits(inner, table, defs) for inner, table in tables if table is not None)


def _hint(kind: type[Table], key: str) -> Any:
    from typing import get_type_hints

    return get_type_hints(kind)[key]
