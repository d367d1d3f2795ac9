"""tierwise.toml: what holds, and every error with its line."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError
from tierwise.policy import Defer, Window, check_policy, load_policy, parse_policy
from tierwise.policy._lines import key_lines

NOW = dt.date(2026, 11, 24)
HEAD = 'ladder = "gpt-5.4"\n'
END = "[default]\n"


def rule(*lines: str, match: str = 'task = "chat"') -> str:
    """A rule from line 2 of a file: its match on line 4, what is given from line 5 on."""
    body = "\n".join(lines)
    return f'{HEAD}[[rule]]\nname = "r"\nmatch = {{ {match} }}\n{body}\n{END}'


ON = 'stage = "on"\nunproven = true\napproved_by = "kim"'

ERRORS: list[tuple[str, str, int, str, str]] = [
    # id, text, line, key, words
    ("not TOML", "ladder = \n", 1, "", "expected TOML"),
    ("a key twice", 'ladder = "a"\nladder = "b"\n', 2, "", "expected TOML"),
    ("no ladder", END, 1, "", "'ladder'"),
    ("no default", HEAD, 1, "", "[default]"),
    ("unknown key at the top", f'{HEAD}laddder = "x"\n{END}', 2, "laddder", "did you mean 'ladder'?"),
    ("unknown key in a rule", rule("stgae = 'on'"), 5, "rule[1].stgae", "did you mean 'stage'?"),
    ("unknown key in a match", rule(match='tsk = "chat"'), 4, "rule[1].match.tsk", "did you mean 'task'?"),
    ("unknown key in a rung", rule('rung = { modle = "gpt-5.4" }'), 5, "rule[1].rung.modle", "did you mean 'model'?"),
    ("unknown key near none", rule("zzz = 1"), 5, "rule[1].zzz", "known keys:"),
    ("unknown table", f"{HEAD}[limit]\n{END}", 2, "limit", "did you mean 'limits'?"),
    ("unknown key under limits", f"{HEAD}[limits]\nzero_retain = true\n{END}", 3, "limits.zero_retain", "did you mean 'zero_retention'?"),
    ("unknown key under keep", f"{HEAD}[keep]\ntxt = 'all'\n{END}", 3, "keep.txt", "did you mean 'text'?"),
    ("text without retention", f"{HEAD}[keep]\ntext = 'all'\n{END}", 2, "keep", "'retention'"),
    ("text under zero retention", f"{HEAD}[limits]\nzero_retention = true\n[keep]\ntext = 'all'\nretention = 3\n{END}", 5, "keep.text", "limits.zero_retention"),
    ("retention beyond ten years", f"{HEAD}[keep]\ntext = 'all'\nretention = 4000\n{END}", 4, "keep.retention", "from 1 to 3650, found 4000"),
    ("retention for ever", f"{HEAD}[keep]\nretention = 0\n{END}", 3, "keep.retention", "from 1 to 3650, found 0"),
    ("a share of text above 1", f"{HEAD}[keep]\nshare = 2\n{END}", 3, "keep.share", "from 0 to 1, found 2"),
    ("a workload by name", f"{HEAD}[keep]\ntext = 'all'\nretention = 3\nworkloads = ['triage']\n{END}", 5, "keep.workloads[1]", "16 hex digits, found 'triage'"),
    ("no such redaction", f"{HEAD}[keep]\nredact = ['emails']\n{END}", 3, "keep.redact[1]", "email, phone, card, iban, ip"),
    ("a pattern that is none", f"{HEAD}[keep.patterns]\na = '['\n{END}", 3, "keep.patterns.a", "not a regular expression"),
    ("a pattern without end", f"{HEAD}[keep.patterns]\na = 'x+y'\n{END}", 3, "keep.patterns.a", "{1,64} in place of +"),
    ("a pattern that nests", f"{HEAD}[keep.patterns]\na = '(a{{1,9}}){{1,9}}b'\n{END}", 3, "keep.patterns.a", "nest none"),
    ("a pattern that is too wide", f"{HEAD}[keep.patterns]\na = 'a{{1,600}}'\n{END}", 3, "keep.patterns.a", "600 characters"),
    ("a pattern of nothing", f"{HEAD}[keep.patterns]\na = 'x?'\n{END}", 3, "keep.patterns.a", "matches nothing"),
    ("a pattern with a name of ours", f"{HEAD}[keep.patterns]\ncard = 'x'\n{END}", 3, "keep.patterns.card", "a name of its own"),
    ("unknown task", rule(match='task = ["chat", "chatting"]'), 4, "rule[1].match.task[2]", "one of classification, extraction"),
    ("unknown depth", rule(match='depth = "deep"'), 4, "rule[1].match.depth", "found 'deep'"),
    ("unknown role", rule(match='role = "boss"'), 4, "rule[1].match.role", "orchestrator"),
    ("unknown stage", rule('stage = "maybe"'), 5, "rule[1].stage", "one of off, shadow, canary, on, found 'maybe'"),
    ("unknown lane", rule('lanes = "slow"'), 5, "rule[1].lanes", "found 'slow'"),
    ("unknown verbosity", rule('verbosity = "none"'), 5, "rule[1].verbosity", "one of low, medium, high"),
    ("may drop what would be noticed", rule('may_drop = ["stop"]'), 5, "rule[1].may_drop[1]", "temperature"),
    ("text for a number", f'{HEAD}[bar]\nmargin = "x"\n{END}', 3, "bar.margin", "a number, found 'x'"),
    ("a number out of range", f"{HEAD}[bar]\nmargin = 5\n{END}", 3, "bar.margin", "from 0 to 1, found 5"),
    ("not a number at all", f"{HEAD}[bar]\nmargin = nan\n{END}", 3, "bar.margin", "from 0 to 1, found NaN"),
    ("a share below 0", rule('stage = "canary"', "share = -0.1"), 6, "rule[1].share", "from 0 to 1"),
    ("a deadline without a unit", rule('lanes = "batch"', 'deadline = "24"'), 6, "rule[1].deadline", "such as '30s', '15m' or '24h', found '24'"),
    ("a date that is text", rule('since = "soon"'), 5, "rule[1].since", "a date such as 2026-11-25"),
    ("a switch that is no switch", rule('unproven = "yes"'), 5, "rule[1].unproven", "true or false, found 'yes'"),
    ("a table where there is none", f"{HEAD}rule = 5\n{END}", 2, "rule", "[[rule]]"),
    ("default is no table", f"{HEAD}default = 5\n", 2, "default", "found 5"),
    ("a rule without a name", f"{HEAD}[[rule]]\nmatch = {{}}\n{END}", 2, "rule[1]", "'name'"),
    ("a rule without a match", f'{HEAD}[[rule]]\nname = "x"\n{END}', 2, "rule[1]", "'match'"),
    ("a name twice", f'{HEAD}[[rule]]\nname = "x"\nmatch = {{ task = "chat" }}\n[[rule]]\nname = "x"\nmatch = {{ task = "coding" }}\n{END}', 6, "rule[2].name", "that of rule[1]"),
    ("a rule named default", f'{HEAD}[[rule]]\nname = "default"\nmatch = {{ task = "chat" }}\n{END}', 3, "rule[1].name", "that of [default]"),
    ("unknown ladder", f'ladder = "gpt-9"\n{END}', 1, "ladder", "gpt-5.4, gpt-6"),
    ("a ladder of three", f'ladder = {{ models = ["gpt-5.4", "gpt-5.5", "gpt-4o"] }}\n{END}', 1, "ladder.models", "an array of 4"),
    ("a ladder with one twice", f'ladder = {{ models = ["gpt-5.4", "gpt-5.5", "gpt-4o", "gpt-5.4"] }}\n{END}', 1, "ladder.models", "four different"),
    ("a ladder with an unknown model", f'ladder = {{ models = ["gpt-5.4", "gpt-5.5", "gpt-4o", "gpt-9x"] }}\n{END}', 1, "ladder.models[4]", "gpt-9x"),
    ("unknown baseline", f'{HEAD}baseline = "gpt-9"\n{END}', 2, "baseline", "gpt-9"),
    ("auto without a baseline", rule(match='model = "auto"'), 4, "rule[1].match.model", "needs the key baseline"),
    ("unknown approved model", f'{HEAD}[limits]\napproved = ["gpt-5.4", "gpt-9"]\n{END}', 3, "limits.approved[2]", "gpt-9"),
    ("a baseline nobody approved", f'{HEAD}baseline = "gpt-5.5"\n[limits]\napproved = ["gpt-5.4"]\n{END}', 2, "baseline", "not among the approved"),
    ("a rung that is gone", rule('rung = "o4-mini"'), 5, "rule[1].rung", "was shut down on 2026-10-23"),
    ("unknown rung", rule('rung = "gpt-5.4-nan"'), 5, "rule[1].rung", "gpt-5.4-nano"),
    ("an effort the rung lacks", rule('rung = { model = "gpt-5", effort = "xhigh" }'), 5, "rule[1].rung.effort", "minimal, low, medium, high"),
    ("an effort there is not", rule('rung = { effort = "deep" }'), 5, "rule[1].rung.effort", "found 'deep'"),
    ("an empty rung", rule("rung = {}"), 5, "rule[1].rung", "found neither"),
    ("a rung nobody approved", f'{HEAD}limits = {{ approved = ["gpt-5.5"] }}\n[[rule]]\nname = "r"\nmatch = {{ task = "chat" }}\nrung = "gpt-5.4"\n{END}', 6, "rule[1].rung", "not among the approved"),
    ("computer use on nano", rule('rung = "gpt-5.4-nano"', match='task = "computer use"'), 5, "rule[1].rung", "lacks computer use"),
    ("an endpoint it does not serve", rule('rung = "gpt-5.4-nano"', match='endpoint = ["chat", "embeddings"]'), 5, "rule[1].rung", "does not serve embeddings"),
    ("tools in Chat at an effort", rule('rung = { model = "gpt-5.4", effort = "low" }', match='endpoint = "chat", tools = true'), 5, "rule[1].rung.effort", "only at effort none"),
    ("tools in Chat never", rule('rung = "gpt-6-astra"', match='endpoint = "chat", tools = ["x"]'), 5, "rule[1].rung", "takes no tools in Chat"),
    ("no tools at all", rule('rung = "o1-mini"', match="tools = true"), 5, "rule[1].rung", "takes no tools"),
    ("hosted search on nano", rule('rung = "gpt-5.4-nano"', 'tools = { search = "hosted" }'), 6, "rule[1].tools.search", "no hosted tool search"),
    ("verbosity where there is none", rule('rung = "gpt-4o"', 'verbosity = "low"'), 6, "rule[1].verbosity", "takes no verbosity"),
    ("retention where there is none", rule('rung = "gpt-5.4-mini"', 'cache = { retention = "24h" }'), 6, "rule[1].cache.retention", "(in_memory)"),
    ("a lane without a price", rule('rung = "gpt-4o"', 'lanes = "flex"'), 6, "rule[1].lanes", "flex"),
    ("a window nobody named", rule('rung = "gpt-5.4"', 'lanes = "background-2h"'), 6, "rule[1].lanes", "background windows"),
    ("batch under zero retention", f'{HEAD}limits = {{ zero_retention = true }}\n[default]\nlanes = "batch"\n', 4, "default.lanes", "stores bodies"),
    ("a deadline and no lane for it", rule('deadline = "24h"'), 5, "rule[1].deadline", "add lanes"),
    ("a canary without a share", rule('rung = "gpt-5.4"', ON.replace('"on"', '"canary"')), 6, "rule[1].stage", "add share"),
    ("a share without a canary", rule("share = 0.1"), 5, "rule[1].share", "only with stage 'canary'"),
    ("a cascade that is on", rule('rung = "gpt-5.4"', ON, "cascade = {}"), 9, "rule[1].cascade", "expected a certificate"),
    ("on without evidence", rule('rung = "gpt-5.4"', 'stage = "on"'), 6, "rule[1].stage", "with no evidence"),
    ("a lower effort without evidence", rule('rung = { effort = "low" }', 'stage = "on"'), 6, "rule[1].stage", "with no evidence"),
    ("a canary without evidence", rule('rung = "gpt-5.4"', 'stage = "canary"', "share = 0.1"), 6, "rule[1].stage", "with no evidence"),
    ("a default on without evidence", f'{HEAD}[default]\nrung = "gpt-5.4"\nstage = "on"\n', 4, "default.stage", "with no evidence"),
    ("unproven and nobody's name", rule('rung = "gpt-5.4"', 'stage = "on"', "unproven = true"), 7, "rule[1].unproven", "expected approved_by"),
    ("a window that is none", f'{HEAD}[defer]\nwindow = "10pm-6am"\n{END}', 3, "defer.window", "10pm-6am"),
    ("a window past midnight's end", f'{HEAD}[defer]\nwindow = "22:00-24:00"\n{END}', 3, "defer.window", "24:00"),
    ("a zone there is not", f'{HEAD}[defer]\nzone = "Mars/Olympus"\n{END}', 3, "defer.zone", "an IANA time zone"),
    ("a zone that is a path", f'{HEAD}[defer]\nzone = "../../etc/passwd"\n{END}', 3, "defer.zone", "an IANA time zone"),
    ("a late lane that waits", f'{HEAD}[defer]\nlate = "batch"\n{END}', 3, "defer.late", "flex"),
    ("a late cost below 0", f"{HEAD}[defer]\nlate_cost = -1\n{END}", 3, "defer.late_cost", "found -1"),
    ("enqueued tokens of no model", f'{HEAD}[defer]\nenqueued = {{ "gpt-9x" = 5 }}\n{END}', 3, "defer.enqueued", "gpt-9x"),
    ("no enqueued tokens", f'{HEAD}[defer]\nenqueued = {{ "gpt-5.4" = 0 }}\n{END}', 3, "defer.enqueued", "from 1, found 0"),
    ("waiting under zero retention", f"{HEAD}limits = {{ zero_retention = true }}\n[defer]\n{END}", 3, "defer", "forbids it"),
    ("a rule that an earlier one hides", f'{HEAD}[[rule]]\nname = "a"\nmatch = {{ task = ["chat", "coding"] }}\n[[rule]]\nname = "b"\nmatch = {{ task = "chat", tools = true }}\n{END}', 5, "rule[2]", "'b' is never reached: 'a'"),
    ("a rule that two hide together", f'{HEAD}[[rule]]\nname = "a"\nmatch = {{ tools = true }}\n[[rule]]\nname = "b"\nmatch = {{ tools = false }}\n[[rule]]\nname = "c"\nmatch = {{ task = "chat" }}\n{END}', 8, "rule[3]", "'a', 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "key", "words"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS]
)
def test_an_error_names_line_key_and_reason(
    text: str, line: int, key: str, words: str, catalog: Catalog, tmp_path: Path
) -> None:
    checked = parse_policy(text.encode(), catalog, place="p.toml", folder=tmp_path, now=NOW)
    assert checked.policy is None
    matching = [p for p in checked.problems if words in p.text and p.line == line]
    assert matching, "\n".join(map(str, checked.problems))
    assert matching[0].key.startswith(key)
    assert str(matching[0]).startswith(f"p.toml:{line}: ")


def test_one_problem_does_not_hide_the_next(catalog: Catalog) -> None:
    text = f'{HEAD}bar = 1\n[[rule]]\nname = "a"\nmatch = {{ task = "x" }}\n[[rule]]\nname = 5\n[limits]\nz = 1\n{END}'
    lines = {problem.line for problem in parse_policy(text.encode(), catalog, now=NOW).problems}
    assert {2, 5, 7, 9} <= lines


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = " + b"[" * 100_000, b"\x00", b"a = 1e99999999999"])
def test_bytes_that_are_no_policy_are_a_problem_not_a_crash(data: bytes, catalog: Catalog) -> None:
    assert parse_policy(data, catalog, now=NOW).problems


@given(st.binary(max_size=60))
def test_no_bytes_crash_it(data: bytes) -> None:
    assert parse_policy(data, _catalog(), now=NOW).policy is None


VALUES = st.recursive(
    st.sampled_from(
        ["1", "true", '"x"', "1.5", "nan", "2026-11-01", '"gpt-5.4"', '"24h"', '"on"', "[]", "{}"]
    ),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=3,
)
KEYS = ("rung", "lanes", "deadline", "cache", "tools", "cascade", "share", "stage", "evidence", "match", "x")


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), VALUES)
def test_no_value_of_any_key_crashes_it(keys: dict[str, str], ladder: str) -> None:
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    text = f'ladder = {ladder}\n[[rule]]\nname = "r"\n{lines}\n[default]\n{lines.replace("match", "y")}\n'
    checked = parse_policy(text.encode(), _catalog(), now=NOW)
    assert (checked.policy is None) == bool(checked.problems)


@cache
def _catalog() -> Catalog:
    return Catalog.open()


def test_loading_raises_with_every_problem(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "tierwise.toml"
    path.write_text(f"{HEAD}a = 1\nb = 2\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"(?s)tierwise.toml:2: a: .*tierwise.toml:3: b: "):
        load_policy(path, catalog, now=NOW)
    with pytest.raises(FileNotFoundError):
        check_policy(tmp_path / "none.toml", catalog)


def test_windows_line_ends_and_multiline_texts_keep_the_count(catalog: Catalog) -> None:
    text = f'{HEAD}name = """\na = 1\n[[rule]]\n"""\nbad = 1\n{END}'.replace("\n", "\r\n")
    (problem,) = parse_policy(text.encode(), catalog, now=NOW).problems
    assert (problem.line, problem.key) == (6, "bad")


PIECES = (
    "x = 1 # [no] = 2",
    'x = """\na = 1\n"""',
    "x = '''\n[[rule]]\n'''",
    'x = [\n  1, # one\n  "]",\n]',
    "x = { a = [1, 2], b = 'c = d' }",
    'x = "# no comment \\" = 3"',
    "x = 2026-11-01 10:00:00",
    "",
    "# [comment]",
)


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_the_line_of_a_key_is_the_one_it_stands_on(pieces: list[str]) -> None:
    text, wanted = "", {}
    for number, piece in enumerate(pieces):
        if piece.startswith("x"):
            wanted[f"k{number}",] = text.count("\n") + 1
        text += piece.replace("x = ", f"k{number} = ", 1) + "\n"
    wanted["bad",] = text.count("\n") + 1
    found = key_lines(f"{text}bad = 1\n")
    assert {path: line for path, line in found.items() if len(path) == 1} == wanted


def test_equal_files_have_equal_digests_and_spacing_does_not_count(catalog: Catalog) -> None:
    plain = parse_policy(rule('rung = "gpt-5.4"', ON).encode(), catalog, now=NOW).policy
    spaced = rule(f'# why\nrung   =   "gpt-5.4"\n\n{ON}')
    other = parse_policy(rule('rung = "gpt-5.4-mini"', ON).encode(), catalog, now=NOW).policy
    again = parse_policy(spaced.encode(), catalog, now=NOW).policy
    assert plain is not None
    assert again is not None
    assert other is not None
    assert plain.digest == again.digest != other.digest


def test_a_cascade_is_accepted_in_shadow(catalog: Catalog) -> None:
    text = rule('rung = "gpt-5.4-nano"', 'stage = "shadow"', 'cascade = { risk = 0.1, to = "gpt-5.4" }')
    assert parse_policy(text.encode(), catalog, now=NOW).policy is not None


def test_how_calls_wait_is_read_and_part_of_the_digest(catalog: Catalog) -> None:
    table = """[defer]
window = "22:30-06:00"
zone = "Europe/Berlin"
own_keys = "refuse"
late = "flex"
late_cost = 0.6
collect = "90s"
keep = "1h"
keep_unfetched = "7d"
enqueued = { "gpt-5.4-mini-2026-03-17" = 40_000_000 }
key_env = "SEAL"
"""
    found = parse_policy(f"{HEAD}{table}{END}".encode(), catalog, now=NOW).policy
    assert found is not None
    assert found.waiting == Defer(
        window=Window(begins=1350, ends=360, zone="Europe/Berlin"),
        own_keys="refuse",
        late=("flex",),
        late_cost=Decimal("0.6"),
        collect=90,
        keep=3_600,
        keep_unfetched=7 * 86_400,
        enqueued={"gpt-5.4-mini": 40_000_000},
        key_env="SEAL",
    )
    without = parse_policy(f"{HEAD}{END}".encode(), catalog, now=NOW).policy
    assert without is not None
    assert without.waiting == Defer()
    assert without.digest != found.digest
