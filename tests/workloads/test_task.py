"""Tasks in many languages, and the lexicon they are read with."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from tierwise.workloads import TASKS, Task
from tierwise.workloads._cues import CUES, USUAL_DEPTH
from tierwise.workloads._depth import judge, read_template, read_turn
from tierwise.workloads._lexicon import SMALL, find, lexicon, normalise
from tierwise.workloads._signals import ToolText
from tierwise.workloads._structure import CODE, MATHS, NUMBERS, OPTIONS, TABLE, read_schema, read_structure

FOLDER = resources.files("tierwise.workloads").joinpath("data/words")
RAW = {
    cue: words for file in FOLDER.iterdir() for cue, words in tomllib.loads(file.read_text("utf-8")).items()
}
LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "pt",
    "it",
    "nl",
    "pl",
    "tr",
    "ru",
    "uk",
    "ar",
    "hi",
    "zh",
    "ja",
    "ko",
    "vi",
    "id",
)


@pytest.mark.parametrize(
    "cue", ["classify", "extract", "translate", "summarize", "analyze", "code", "prove", "plan"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_word_of_a_task_is_found_and_votes_for_it(cue: str, language: str) -> None:
    for word in RAW[cue][language].split(","):
        template = read_template(f"{word.strip()}: x")
        assert cue in {hit.cue for hit in template.hits}, word


def test_every_cue_has_words_and_every_word_a_cue() -> None:
    assert set(RAW) - set(SMALL) == set(CUES)
    assert all(
        word.strip()
        for languages in RAW.values()
        for words in languages.values()
        for word in words.split(",")
    )


def test_a_word_stands_under_one_cue_only() -> None:
    """Else the same text would vote for two tasks by chance of order; a phrase tells them apart."""
    met: dict[str, str] = {}
    for cue, languages in RAW.items():
        if cue in SMALL:
            continue
        for words in languages.values():
            for word in words.split(","):
                assert met.setdefault(word.strip(), cue) == cue, word


def test_words_are_written_in_lower_case() -> None:
    for languages in RAW.values():
        for words in languages.values():
            assert words == words.lower()


def test_meanings_name_tasks_of_the_vocabulary_and_stay_in_bounds() -> None:
    for name, cue in CUES.items():
        assert cue.task is None or cue.task in TASKS, name
        assert cue.depth is None or -1 <= cue.depth <= 1, name
        assert 0 <= cue.vote <= 2, name
    assert set(USUAL_DEPTH) == set(TASKS) - {"chat", "unknown"}


@pytest.mark.parametrize(
    ("tools", "task"),
    [
        pytest.param(("computer_use_preview",), "computer use", id="screen"),
        pytest.param(("get_weather",), "tool call", id="function"),
        pytest.param(("edit_file", "run_tests"), "coding", id="editor"),
    ],
)
def test_kinds_of_tools_speak_where_words_do_not(tools: tuple[str, ...], task: Task) -> None:
    template = read_template("", tuple(ToolText(name) for name in tools))
    assert (
        judge(template, read_turn("the one on the left side of the second row, near the door")).task == task
    )


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        pytest.param("good day", 0, id="plain"),
        pytest.param("```\nx\n```", CODE, id="fence"),
        pytest.param("def f(x):\n    return x", CODE, id="python"),
        pytest.param("SELECT a FROM b", CODE, id="sql"),
        pytest.param("find \\int_0^1 x dx", MATHS, id="latex"),
        pytest.param("solve x^2 + 1", MATHS, id="power"),
        pytest.param("∑ a ≤ b", MATHS, id="symbols"),
        pytest.param("which?\nA. one\nB. two", OPTIONS, id="options"),
        pytest.param("| a | b |\n|---|---|\n| 1 | 2 |", TABLE, id="table"),
        pytest.param("3 pens cost 2, what do 9 cost?", NUMBERS, id="numbers"),
        pytest.param("at 3 or 4?", 0, id="two numbers"),
        pytest.param("dear (all), see (below)", 0, id="brackets"),
    ],
)
def test_structure_is_seen_without_words(text: str, flags: int) -> None:
    assert read_structure(text) == flags


@pytest.mark.parametrize(
    ("schema", "labels", "fields", "thinks"),
    [
        pytest.param(b'{"type":"json_object"}', 0, 0, False, id="json object"),
        pytest.param(
            b'{"type":"json_schema","json_schema":{"schema":{"type":"object","properties":{"a":{"enum":["x","y","z"]}}}}}',
            3,
            0,
            False,
            id="chat enum",
        ),
        pytest.param(
            b'{"type":"json_schema","schema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}',
            2,
            0,
            False,
            id="responses boolean",
        ),
        pytest.param(
            b'{"type":"json_schema","schema":{"properties":{"items":{"type":"array","items":{"properties":{"a":{"type":"string"},"b":{"type":"number"}}}}}}}',
            0,
            2,
            False,
            id="nested list",
        ),
        pytest.param(
            b'{"type":"json_schema","schema":{"properties":{"reasoning":{"type":"string"},"a":{"enum":["x","y"]}}}}',
            2,
            1,
            True,
            id="room to reason",
        ),
    ],
)
def test_shape_of_a_schema(schema: bytes, labels: int, fields: int, thinks: bool) -> None:
    shape = read_schema(schema)
    assert (shape.labels, shape.fields, shape.thinks) == (labels, fields, thinks)


def test_a_schema_that_nests_without_end_is_cut() -> None:
    deep = b'{"properties":{"a":' * 300 + b'{"type":"string"}' + b"}}" * 300
    assert read_schema(b'{"type":"json_schema","schema":' + deep + b"}").fields == 0


def test_a_phrase_is_found_whole_or_not_at_all() -> None:
    known = lexicon().told
    for text, found in (
        ("please fix spelling here", True),
        ("spell fixing", False),
        ("fix the spell", False),
    ):
        normal = normalise(text)
        assert ("correct" in {entry.cue for _, entry in find(known, normal, normal.split(), False)}) is found


def test_the_lexicon_is_built_once() -> None:
    assert lexicon() is lexicon()
