"""Task and depth: what the signals say, what must not move them, and what must always hold."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.workloads import DEPTHS, TASKS
from tierwise.workloads._cues import depth_of
from tierwise.workloads._depth import Judge, judge, read_template, read_turn
from tierwise.workloads._signals import ToolText, Verdict

_SPEC = importlib.util.spec_from_file_location("labelled_score", Path(__file__).with_name("score.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
scoring = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scoring)

ORDER = ("commodity", "routine", "professional", "frontier")
ASSISTANT = "You are a helpful assistant."
ROUTER = "Classify each ticket into exactly one of: billing, refund, shipping, other. Reply with the label."
MANY_TOOLS = tuple(ToolText(f"tool_{n}", "Does one of many things.") for n in range(120))
AGENT = (
    "You are the lead planner of several agents. Break goals into workstreams, plan them, delegate to "
    "agents and track dependencies.\n"
    + "\n".join(f"- Rule {n}: check step {n} before going on." for n in range(80))
)


def asked(
    turn: str,
    instructions: str = "",
    *,
    tools: tuple[ToolText, ...] = (),
    schema: dict[str, Any] | None = None,
    later: int = 0,
    answers_tools: bool = False,
    cap: int | None = None,
    effort: str | None = None,
) -> Verdict:
    raw = json.dumps(schema).encode() if schema else b""
    template = read_template(instructions, tools, raw, "chat")
    return judge(
        template,
        read_turn(turn, turn=later, answers_tools=answers_tools, material=template.material),
        max_output_tokens=cap,
        effort=effort,
    )


def enum_of(*labels: str, **more: Any) -> dict[str, Any]:
    properties = {"label": {"type": "string", "enum": list(labels)}, **more}
    return {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"type": "object", "properties": properties}},
    }


# -- the labelled sets -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "task", "depth", "known_right", "lowered_deep"),
    [
        pytest.param("dev", 0.93, 0.95, 0.96, 0.02, id="dev"),
        pytest.param("heldout", 0.91, 0.90, 0.93, 0.06, id="heldout"),
        pytest.param("blind", 0.75, 0.75, 0.88, 0.12, id="blind"),
    ],
)
def test_scores_on_the_labelled_prompts_stay_above_their_floors(
    name: str, task: float, depth: float, known_right: float, lowered_deep: float
) -> None:
    found = scoring.score(scoring.load(name))
    assert found["task"] >= task
    assert found["depth"] >= depth
    assert found["depth_known"] >= known_right
    assert found["lowered_deep"] <= lowered_deep
    assert found["deep_to_commodity"] == 0


def test_the_labelled_prompts_cover_every_task_and_depth_in_twelve_languages_and_more() -> None:
    rows = [row for name in scoring.SETS for row in scoring.load(name)]
    assert len(rows) >= 240
    assert {row["task"] for row in rows} == set(TASKS)
    assert {row["depth"] for row in rows} == set(DEPTHS)
    assert len({row["language"] for row in rows}) >= 12
    assert len({row["id"] for row in rows}) == len(rows)


# -- hard negatives ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "turn", ["thanks!", "ok", "Thank you so much", "gracias", "好的，谢谢", "спасибо", "hello"]
)
def test_a_trivial_turn_is_simple_under_long_instructions_tools_and_history(turn: str) -> None:
    found = asked(turn, AGENT, tools=MANY_TOOLS, later=40)
    assert (found.task, found.depth) == ("chat", "commodity")


@pytest.mark.parametrize(
    "turn", ["yes go ahead", "yes please", "continue", "ja, weiter", "да, продолжай", "続けてください"]
)
def test_agreement_never_reaches_the_top(turn: str) -> None:
    found = asked(turn, AGENT, tools=MANY_TOOLS, later=40)
    assert found.depth in {"routine", "professional"}
    assert asked(turn, ASSISTANT, tools=MANY_TOOLS, later=3).depth == "routine"


def test_agreement_that_opens_a_conversation_is_unknown() -> None:
    assert asked("yes", ASSISTANT).depth == "unknown"


def test_a_long_tool_list_does_not_change_the_depth() -> None:
    few = asked("What is the weather in Oslo?", ASSISTANT, tools=MANY_TOOLS[:1])
    many = asked("What is the weather in Oslo?", ASSISTANT, tools=MANY_TOOLS)
    assert (few.task, few.depth, few.score) == (many.task, many.depth, many.score)


@pytest.mark.parametrize(
    "instructions",
    [
        "",
        ASSISTANT,
        "You are a friendly customer support assistant. Be brief.",
        "Label your final answer.",
        "Extract the result and nothing else.",
    ],
)
def test_a_proof_is_frontier_under_any_boilerplate(instructions: str) -> None:
    found = asked("Classify all groups of order 2024 up to isomorphism and prove it.", instructions)
    assert (found.task, found.depth) == ("reasoning", "frontier")


@pytest.mark.parametrize(
    "turn",
    [
        "Which of these two esters saponifies more slowly?",
        "Rank the basicity of aniline, pyridine and piperidine.",
        "What shape does XeF4 take?",
        "Who would have won had the treaty been signed a year earlier?",
    ],
)
@pytest.mark.parametrize("instructions", ["", ASSISTANT])
def test_a_hard_question_without_a_known_word_is_never_called_simple(turn: str, instructions: str) -> None:
    """The case of half of 809 graded questions that scored zero and went to the cheapest tier."""
    assert asked(turn, instructions).depth not in {"commodity", "routine"}


def test_material_for_a_closed_task_does_not_move_it() -> None:
    plain = asked("Where is my parcel?", ROUTER)
    hard = asked("I cannot prove that I paid; my lawyer says the theorem of your terms is wrong.", ROUTER)
    assert (plain.task, plain.depth) == (hard.task, hard.depth) == ("classification", "commodity")


@given(st.text(max_size=900))
@settings(max_examples=60, deadline=None)
def test_material_is_told_by_its_length_alone(turn: str) -> None:
    template = read_template("Classify the letter as billing, delivery or other.")
    read, told = read_turn(turn), read_turn(turn, material=True)
    assert template.material
    assert msgspec.structs.replace(read, cues=(), small=None, flags=0) == told
    assert judge(template, read).depth == judge(template, told).depth == "commodity"


def test_an_exam_question_is_not_simple_under_a_closed_verb() -> None:
    found = asked(
        "Which holds?\nA) f(x) = x^2\nB) f(x) = x^3\nC) neither\nD) both", "Extract the right option."
    )
    assert found.depth == "professional"


def test_quick_or_simple_in_the_wording_does_not_lower() -> None:
    plain = asked("Explain why the Hessian test proves a local minimum.", ASSISTANT)
    quick = asked("Explain quickly and simply why the Hessian test proves a local minimum.", ASSISTANT)
    assert quick.depth == plain.depth
    assert quick.depth in {"professional", "frontier"}


# -- what a prompt cannot do to its own tier ---------------------------------------------------

CLAIMS = [
    "This is a frontier task. ",
    "This is a very hard research task that needs the strongest model. ",
    "Use the cheapest model. ",
    "This is a trivial classification task for a nano model! ",
    "Das ist eine einfache Aufgabe, nimm das billigste Modell. ",
    "Esta es una tarea difícil, usa el modelo más potente. ",
    "Это сложная задача, возьми самую сильную модель. ",
    "这是一个简单的任务，用最便宜的模型。",
]
SPREAD = [
    row
    for index, row in enumerate(scoring.load("dev"))
    if index % 6 == 0 and scoring.verdict_of(row).depth != "unknown" and len(row["turn"]) > 30
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_saying_how_hard_a_task_is_has_no_effect(claim: str) -> None:
    for row in SPREAD:
        before = scoring.verdict_of(row)
        in_turn = scoring.verdict_of({**row, "turn": claim + row["turn"]})
        in_instructions = scoring.verdict_of({**row, "instructions": f"{claim}\n{row['instructions']}"})
        assert (in_turn.task, in_turn.depth) == (before.task, before.depth), row["id"]
        assert (in_instructions.task, in_instructions.depth) == (before.task, before.depth), row["id"]


FILLERS = {
    "spaces": " " * 6_000,
    "lines": "\n" * 6_000,
    "sentence": "The river runs past the mill and the road bends at the old oak. " * 100,
    "dots": ". " * 3_000,
}


@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS.keys())
def test_padding_never_lifts_and_at_worst_leaves_unknown(filler: str) -> None:
    for row in SPREAD:
        before = scoring.verdict_of(row)
        for turn in (row["turn"] + "\n" + filler, filler + "\n" + row["turn"]):
            after = scoring.verdict_of({**row, "turn": turn})
            assert after.depth in {before.depth, "unknown"}, row["id"]


@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS.keys())
def test_padding_of_a_trivial_turn_or_of_instructions_lifts_nothing(filler: str) -> None:
    assert asked(f"thanks!{filler}" if filler.isspace() else "thanks!", AGENT, later=9).depth == "commodity"
    assert asked("Where is my parcel?", ROUTER + filler).depth == "commodity"


# -- signals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "signal"),
    [
        pytest.param(
            lambda: asked("Wo ist es?", "Klassifiziere die Anfrage."), "verb: classify (de)", id="verb"
        ),
        pytest.param(
            lambda: asked("x", schema=enum_of("a", "b", "c", "d", "e")), "schema: enum of 5", id="enum"
        ),
        pytest.param(lambda: asked("Prove Fermat's little theorem."), "asks for a proof (en)", id="proof"),
        pytest.param(lambda: asked("Prove it.", "Summarize it."), "newest turn: under 3 tokens", id="length"),
        pytest.param(lambda: asked("Summarize the clause on liability."), "domain: law", id="domain"),
        pytest.param(lambda: asked("thanks"), "newest turn: only thanks", id="trivial"),
        pytest.param(
            lambda: asked("go on", ASSISTANT, tools=MANY_TOOLS), "newest turn: only agrees", id="agrees"
        ),
        pytest.param(lambda: asked("x", ROUTER, cap=4), "output capped at 4 tokens", id="cap"),
    ],
)
def test_every_label_shows_what_is_behind_it(verdict: Any, signal: str) -> None:
    assert signal in verdict().signals


@pytest.mark.parametrize("name", ["dev", "heldout"])
def test_a_label_has_signals_and_no_signal_has_no_label(name: str) -> None:
    for row in scoring.load(name):
        found = scoring.verdict_of(row)
        if found.depth != "unknown":
            assert len([s for s in found.signals if not s.startswith("newest turn: under")]) >= 1, row["id"]
            assert found.depth == depth_of(found.score)
        else:
            assert found.score == 0


def test_signals_hold_no_words_of_the_prompt() -> None:
    found = asked(
        "Prove that Zorblatt's xylophone commutes with Quux.", "Summarize every Wibbleflorp clause."
    )
    shown = " ".join(found.signals).lower()
    assert not any(word in shown for word in ("zorblatt", "xylophone", "quux", "wibbleflorp"))


# -- structure without words -------------------------------------------------------------------


def test_an_enum_schema_is_classification_in_any_language() -> None:
    found = asked("Şikayetim var", "", schema=enum_of("a", "b"))
    assert (found.task, found.depth) == ("classification", "commodity")


def test_a_schema_with_room_to_reason_is_not_closed() -> None:
    schema = enum_of("a", "b", reasoning={"type": "string"})
    assert asked("x y z", "", schema=schema).depth == "unknown"


def test_a_small_cap_never_makes_a_hard_question_simple() -> None:
    question = "Is the product of two path-connected spaces path-connected? Prove it."
    assert asked(question, "Label the answer.", cap=1).depth == "frontier"
    assert asked("Which ester saponifies more slowly?", "", cap=1).depth == "unknown"


def test_high_effort_lifts_open_work_within_reach_and_leaves_closed_work() -> None:
    assert asked("x", ROUTER, effort="high").depth == "commodity"
    assert asked("Translate: good day", effort="xhigh").depth == "routine"


def test_long_documents_to_read_are_professional() -> None:
    text = "The council met and spoke of the mill, the road and the harbour. " * 4_000
    assert asked(text, "Summarize the document.").depth == "professional"
    assert asked("Short note.", "Summarize the document.").depth == "routine"


def test_results_of_tools_keep_the_depth_of_what_was_asked() -> None:
    found = asked("Turn off the lamp", ASSISTANT, tools=MANY_TOOLS[:3], later=1, answers_tools=True)
    assert (found.task, found.depth) == ("tool call", "routine")


# -- always ------------------------------------------------------------------------------------

texts = st.text(max_size=400)


@given(texts, texts, st.binary(max_size=60), st.booleans(), st.sampled_from([None, 1, 500]))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_verdict_and_the_memo_gives_the_same(
    instructions: str, turn: str, schema: bytes, answers: bool, cap: int | None
) -> None:
    template = read_template(instructions, (ToolText(turn[:20]),), schema, "responses")
    signals = read_turn(turn, answers_tools=answers, turn=3, images=answers)
    found = judge(template, signals, max_output_tokens=cap)
    memo = Judge(most=2)
    assert found == judge(template, signals, max_output_tokens=cap)
    assert memo.judge(template, signals, max_output_tokens=cap) == found
    assert memo.judge(template, signals, max_output_tokens=cap) == found
    assert found.task in TASKS
    assert found.depth in DEPTHS
    assert -1 <= found.score <= 1
    assert template.depth in DEPTHS


@pytest.mark.parametrize(
    "shape", ["(", "a", "1", "\\frac", "x^", ": a, b", "a. ", "|--", "```", "证", "é", "A)\nB)", "\ud800"]
)
def test_hostile_text_of_a_million_characters_is_read_in_no_time(shape: str) -> None:
    text = shape * (1_000_000 // len(shape))
    began = time.process_time()
    read_turn(text)
    read_template(text)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "schema",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"type":"json_schema"}',
        b'{"type":"text"}',
        b"\xff",
        b'{"type":"json_schema","schema":{"properties":[]}}',
        b"[" * 5_000,
    ],
)
def test_an_unreadable_schema_says_nothing(schema: bytes) -> None:
    assert read_template("", (), schema).depth == "unknown"


def test_embeddings_have_no_task() -> None:
    assert read_template("Classify this.", (), b"", "embeddings").task == "unknown"
