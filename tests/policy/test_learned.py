"""What an audit learned: the same workloads live as in the audit, kept whole or refused by name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tierwise.audit import audit, learned_of
from tierwise.calls import named_place, plan, read
from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError
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
from tierwise.policy._learned import parse_learned
from tierwise.workloads import Recogniser, key_id, make_key

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


def test_what_was_learned_holds_no_text(audited: Any) -> None:
    content = json.dumps(str(learned_of(audited.analysis, b"k" * 32)))
    for row in audited.findings.workloads:
        assert len(row.label) < 12 or row.label not in content


def test_lengths_times_and_roles_are_learned(audited: Any) -> None:
    learned = learned_of(audited.analysis)
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
    assert [path.name for path in tmp_path.iterdir()] == sorted(["a", "b"]) or len(
        list(tmp_path.iterdir())
    ) == 2


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_file_is_refused_by_name(at: int, junk: bytes) -> None:
    content = learned_bytes(Learned(calls=3, roles={7: "sub-agent"}))
    broken = content[: at % len(content)] + b"\x00" + junk
    assume(broken != content)
    with pytest.raises(ConfigurationError, match=r"learned.tierwise: .*tierwise audit"):
        parse_learned(broken, "learned.tierwise")


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
