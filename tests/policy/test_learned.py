"""What an audit learned: the same workloads live as in the audit, kept whole or refused by name."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tierwise.audit import audit, learned_of
from tierwise.calls import named_place, plan, read
from tierwise.catalog import Catalog
from tierwise.errors import CallerError, ConfigurationError
from tierwise.policy import (
    Latency,
    Learned,
    Uses,
    check_policy,
    learned_bytes,
    lengths_against,
    load_learned,
    load_live,
    parse_policy,
    save_learned,
    use_name,
)
from tierwise.policy._learned import LARGEST, MAGIC, parse_learned
from tierwise.workloads import Recogniser, Templates, key_id, make_key

SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"
TEXT = 'version = 1\nladder = "gpt-5.4"\n{}\n[default]\nstage = "off"\n'


@pytest.fixture(scope="module")
def log(tmp_path_factory: Any) -> Path:
    """Every fourth line of the sample log."""
    path = tmp_path_factory.mktemp("logs") / "calls.jsonl"
    with gzip.open(SAMPLE, "rb") as lines, path.open("wb") as out:
        out.writelines(line for number, line in enumerate(lines) if number % 4 == 0)
    return path


@pytest.fixture(scope="module")
def audited(log: Path) -> Any:
    return audit([log], processes=1, key=b"k" * 32)


def workloads_live(log: Path, learned: Learned, key: bytes) -> dict[int, int]:
    recogniser = Recogniser(key, learned.templates)
    found = {}
    for unit in plan([log]).units:
        for call in read(unit):
            if getattr(call, "request", None) is not None:
                name = call.name or named_place(call.metadata)
                workload = recogniser.recognise(call.request).workload
                found[call.place.line] = learned.workload_of(workload, name)
    return found


def workloads_audited(found: Any) -> dict[int, int]:
    analysis = found.analysis
    lines, of = analysis.calls["line"].tolist(), analysis.workloads.of.tolist()
    return {line: analysis.workloads.ids[number] for line, number in zip(lines, of, strict=True)}


def test_live_calls_get_the_workload_that_the_audit_gave_them(
    log: Path, audited: Any, tmp_path: Path
) -> None:
    path = tmp_path / "learned"
    save_learned(learned_of(audited.analysis, b"k" * 32), path)
    learned = load_learned(path)
    live, logged = workloads_live(log, learned, b"k" * 32), workloads_audited(audited)
    met = live.keys() & logged.keys()
    assert len(met) > 4_000
    assert sum(live[line] == logged[line] for line in met) >= 0.999 * len(met)
    # Without it the fingerprints of varying templates differ, so the test can fail.
    bare = workloads_live(log, Learned(), b"k" * 32)
    assert sum(bare[line] == logged[line] for line in met) < 0.97 * len(met)
    assert path.stat().st_size < 2_000_000


def test_what_a_half_taught_names_the_other_half_as_an_audit_of_the_whole(
    log: Path, audited: Any, tmp_path: Path
) -> None:
    """Of templates met five times: which words vary cannot be told from two calls."""
    lines = log.read_bytes().splitlines(keepends=True)
    (tmp_path / "first.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    first = audit([tmp_path / "first.jsonl"], processes=1, key=b"k" * 32)
    live = workloads_live(log, learned_of(first.analysis, b"k" * 32), b"k" * 32)
    logged, seen = workloads_audited(audited), Counter(workloads_audited(first).values())
    later = [line for line in live.keys() & logged.keys() if line > len(lines) // 2]
    known = [line for line in later if seen[live[line]] >= 5]
    assert len(known) > 0.99 * len(later) > 2_000
    assert all(live[line] == logged[line] for line in known)


def named_call(number: int, name: str) -> dict[str, Any]:
    return {
        "request": {
            "model": "gpt-5.5",
            "messages": [
                {"role": "system", "content": "Answer the question in one word."},
                {"role": "user", "content": f"What is {number} plus one?"},
            ],
        },
        "response": {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "model": "gpt-5.5-2026-04-23",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35},
        },
        "endpoint": "/v1/chat/completions",
        "started_at": f"2026-11-20T10:{number // 60:02}:{number % 60:02}Z",
        "name": name,
    }


def test_live_calls_are_divided_by_the_applications_names_as_in_the_audit(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    calls = [named_call(number, f"step-{'abc'[number % 3]}") for number in range(90)]
    log.write_text("".join(json.dumps(call) + "\n" for call in calls))
    found = audit([log], processes=1)
    learned = learned_of(found.analysis)
    live = workloads_live(log, learned, b"")
    assert live == workloads_audited(found)
    assert len(set(live.values())) == 3
    (one,) = learned.named
    assert learned.workload_of(one, "never met") == learned.workload_of(one, None) == one


def test_what_was_learned_holds_no_text(audited: Any) -> None:
    content = json.dumps(str(learned_of(audited.analysis, b"k" * 32)))
    for row in audited.findings.workloads:
        assert len(row.label) < 12 or row.label not in content


def test_nothing_is_learned_under_another_key_than_the_calls_have(audited: Any) -> None:
    for key in (b"", b"o" * 32):
        with pytest.raises(CallerError, match="the one key that calls were recorded under"):
            learned_of(audited.analysis, key)


def test_lengths_times_and_roles_are_learned(audited: Any) -> None:
    learned = learned_of(audited.analysis, b"k" * 32)
    assert learned.calls == audited.findings.calls
    assert any("orchestrator" in role for role in learned.roles.values())
    workload, uses = max(learned.uses.items(), key=lambda item: sum(use.calls for use in item[1].values()))
    name, most = max(uses.items(), key=lambda item: item[1].calls)
    model, _, effort = name.rpartition(" ")
    assert learned.expected(workload, model, None if effort == "-" else effort) == (
        most.output,
        most.reasoning,
    )
    assert learned.expected(1, model, None) is None


def test_lengths_are_ratios_of_means_at_the_same_effort() -> None:
    uses = {
        use_name("gpt-5.5", "low"): Uses(100, 200, 400),
        use_name("gpt-5.4-nano", "low"): Uses(100, 300, 100),
        use_name("gpt-5.4-mini", "high"): Uses(100, 300, 100),
        use_name("gpt-5.4", "low"): Uses(3, 900, 900),
        use_name("gpt-4.1", None): Uses(50, 5_000, 0),
    }
    found = lengths_against(uses, "gpt-5.5", "low")
    assert {model: (of.output, of.reasoning) for model, of in found.items()} == {
        "gpt-5.4-nano": (1500, 250),
        # Beyond five times it is another kind of call, not another model.
        "gpt-4.1": (5000, 200),
    }
    assert all(of.learned for of in found.values())
    assert lengths_against(uses, "gpt-5.4-mini", "low") == {}


def test_the_file_is_the_same_for_the_same_content_and_comes_back_whole(tmp_path: Path) -> None:
    learned = Learned(
        calls=3, roles={7: "sub-agent"}, latency={"gpt-5.4 standard": Latency(first=5, token=9)}
    )
    digest = save_learned(learned, tmp_path / "a")
    assert digest == save_learned(learned, tmp_path / "b")
    assert load_learned(tmp_path / "a") == learned
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_file_is_refused_by_name(at: int, junk: bytes) -> None:
    content = learned_bytes(Learned(calls=3, roles={7: "sub-agent"}))
    broken = content[: at % len(content)] + b"\x00" + junk
    assume(broken != content)
    with pytest.raises(ConfigurationError, match=r"learned.tierwise: .*tierwise audit"):
        parse_learned(broken, "learned.tierwise")


def packed(content: bytes) -> bytes:
    return MAGIC + zstandard.ZstdCompressor().compress(content)


HOSTILE = {
    "a frame that wants 32 TB": MAGIC
    + bytes.fromhex("28b52ffde0")
    + (1 << 45).to_bytes(8, "little")
    + b"\x01\0\0",
    "more than any log teaches": packed(bytes(LARGEST + 1)),
    "nested without end": packed(b"\x81\xa1x" + b"\x91" * 200_000 + b"\xc0"),
    "something after it": learned_bytes(Learned(calls=3)) + b"more",
    "an index beyond its templates": packed(
        msgspec.msgpack.encode(Learned(templates=Templates(index={1: {2: (5,)}})))
    ),
    "an index before its templates": packed(
        msgspec.msgpack.encode(Learned(templates=Templates(index={1: {2: (-1,)}})))
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_an_error_and_no_memory(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"learned.tierwise: damaged: .*tierwise audit"):
        parse_learned(HOSTILE[name], "learned.tierwise")


def test_a_policy_names_it_and_its_digest_covers_it(tmp_path: Path) -> None:
    catalog = Catalog.open()
    digest = save_learned(Learned(calls=3), tmp_path / "l")
    (tmp_path / "p.toml").write_text(TEXT.format('learned = "l"'))
    live = load_live(tmp_path / "p.toml", catalog)
    assert live.policy.learned == digest
    assert live.learned is not None
    assert live.learned.calls == 3
    save_learned(Learned(calls=4), tmp_path / "l")
    assert load_live(tmp_path / "p.toml", catalog).policy.digest != live.policy.digest


PROBLEMS = {
    "no file": ('learned = "gone"', "learned", "found none that reads"),
    "another kind of file": ('learned = "p.toml"', "learned", "another kind of file"),
    "no key for it": ('learned = "keyed"', "learned", "under a key"),
    "another key": ('learned = "keyed"\nkey = "other.key"', "learned", "under another key"),
    "no such key": ('key = "gone.key"', "key", "cannot be read"),
    "no key in it": ('key = "keyed"', "key", "hex digits"),
    "a folder": ('learned = "."', "learned", "found none that reads"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_does_not_hold_is_an_error_with_line_and_key(tmp_path: Path, name: str) -> None:
    text, key, said = PROBLEMS[name]
    secret = make_key(tmp_path / "own.key")
    make_key(tmp_path / "other.key")
    save_learned(Learned(key_id=key_id(secret)), tmp_path / "keyed")
    (tmp_path / "keyed").chmod(0o600)
    (tmp_path / "p.toml").write_text(TEXT.format(text))
    checked = check_policy(tmp_path / "p.toml", Catalog.open())
    assert checked.policy is None
    (problem,) = checked.problems
    assert problem.key == key
    assert problem.line == 2 + text.count("\n") + 1 if key == "key" and "\n" in text else problem.line == 3
    assert said in problem.text


def test_a_policy_without_it_is_as_before() -> None:
    checked = parse_policy(TEXT.format("").encode(), Catalog.open())
    assert checked.policy is not None
    assert (checked.policy.learned, checked.policy.key_id, checked.learned, checked.key) == (
        None,
        "",
        None,
        b"",
    )
