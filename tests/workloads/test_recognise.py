"""Recognising: pure, keyed, and prefixes that chain from turn to turn."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import Message, Part, Request, parse_request
from tierwise.catalog import count_tokens
from tierwise.workloads import Recogniser, instructions_of, learn_templates, tool_names
from tierwise.workloads._estimate import estimate_text
from tierwise.workloads._segments import Cutter, Digester

WIRE = Path(__file__).parents[3] / "shared" / "data" / "wire" / "openai_exchanges.jsonl.gz"
SEARCH = b'[{"type":"function","name":"search","description":"Finds.","parameters":{"type":"object"}}]'


def chat(*messages: dict, **fields) -> Request:
    return parse_request("chat", json.dumps({"model": "gpt-5.4", "messages": messages, **fields}).encode())


def responses(*items: dict, **fields) -> Request:
    return parse_request("responses", json.dumps({"model": "gpt-5.4", "input": items, **fields}).encode())


def said(role: str, content: str, **fields) -> dict:
    return {"role": role, "content": content, **fields}


SYSTEM = said("system", "You are a support agent.")
CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": "{}"}}

CHAT_TURNS = {
    "plain": [
        [SYSTEM, said("user", "hi")],
        [said("assistant", "Hello."), said("user", "My lamp broke.")],
        [said("assistant", "Sorry."), said("user", "So?")],
    ],
    "tools": [
        [SYSTEM, said("user", "Find it")],
        [
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            said("tool", "found", tool_call_id="c1"),
        ],
        [said("assistant", "Here."), said("user", "thanks")],
    ],
    "parallel tools": [
        [said("user", "Find both")],
        [
            {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
            said("tool", "one", tool_call_id="c1"),
            said("tool", "two", tool_call_id="c2"),
        ],
    ],
    "parts": [
        [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        [said("assistant", "c"), said("user", "d")],
    ],
}

ITEM = {"type": "function_call", "call_id": "f1", "name": "search", "arguments": "{}"}
ANSWER = {"type": "function_call_output", "call_id": "f1", "output": "found"}

RESPONSES_TURNS = {
    "one call": [
        [said("developer", "Be brief."), said("user", "Find it")],
        [{"type": "reasoning", "id": "r", "summary": []}, ITEM, ANSWER],
        [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
            said("user", "ok"),
        ],
    ],
    "several items of one response": [
        [said("user", "Find both")],
        [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Looking."}],
            },
            ITEM,
            {**ITEM, "call_id": "f2"},
            ANSWER,
            {**ANSWER, "call_id": "f2", "output": [{"type": "input_text", "text": "y"}]},
        ],
    ],
    "hosted tool search": [
        [said("user", "Find it")],
        [
            {
                "type": "tool_search_call",
                "execution": "server",
                "call_id": None,
                "arguments": {"paths": ["crm"]},
            },
            {"type": "tool_search_output", "execution": "server", "call_id": None, "tools": []},
            ITEM,
            ANSWER,
        ],
    ],
    "client tool search": [
        [said("user", "Find it")],
        [
            {"type": "tool_search_call", "execution": "client", "call_id": "s", "arguments": {}},
            {"type": "tool_search_output", "execution": "client", "call_id": "s", "tools": []},
        ],
        [ITEM, ANSWER],
    ],
}

CONVERSATIONS = [(chat, name, turns) for name, turns in CHAT_TURNS.items()] + [
    (responses, name, turns) for name, turns in RESPONSES_TURNS.items()
]


@pytest.mark.parametrize(
    ("build", "turns"),
    [(b, t) for b, _, t in CONVERSATIONS],
    ids=[f"{b.__name__} {n}" for b, n, _ in CONVERSATIONS],
)
def test_what_is_before_the_last_response_is_the_whole_prompt_of_the_turn_before(build, turns) -> None:
    recogniser = Recogniser()
    items: list[dict] = []
    found = []
    for turn in turns:
        items += turn
        found.append(recogniser.recognise(build(*items)))

    for number, (before, after) in enumerate(pairwise(found)):
        assert before.blocks[3] == after.blocks[2]
        assert before.turn == number
    assert found[-1].turn == len(turns) - 1
    assert len({facts.request for facts in found}) == len(turns)


def test_recorded_conversations_chain_too() -> None:
    """Every recorded request that continues the one before it has that one's whole prompt as prefix."""
    if not WIRE.exists():
        pytest.skip("shared data is absent")
    recogniser = Recogniser()
    steps: dict[str, list[Request]] = {}
    with gzip.open(WIRE, "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["url"] in {"/v1/responses", "/v1/chat/completions"} and isinstance(line["request"], dict):
                request = parse_request(line["url"], json.dumps(line["request"]).encode())
                steps.setdefault(line["recording"], []).append(request)
    chained = 0
    for requests in steps.values():
        for one, other in pairwise(requests):
            size = len(one.messages)
            continues = len(other.messages) > size and other.messages[:size] == one.messages
            first, second = recogniser.recognise(one), recogniser.recognise(other)
            if (
                continues
                and (one.tools, one.schema) == (other.tools, other.schema)
                and len(second.blocks) == 4
            ):
                assert first.blocks[3] == second.blocks[2]
                chained += 1

    assert chained >= 60


def test_blocks_grow_and_begin_with_what_calls_share() -> None:
    recogniser = Recogniser()
    one = recogniser.recognise(chat(SYSTEM, said("user", "My lamp broke yesterday.")))
    other = recogniser.recognise(chat(SYSTEM, said("user", "Where is my parcel?")))

    assert one.blocks[:2] == other.blocks[:2]
    assert one.blocks[3] != other.blocks[3]
    assert one.blocks[1] == one.blocks[2]
    tokens = [block.tokens for block in one.blocks]
    assert tokens == sorted(tokens)
    assert one.input_tokens == tokens[-1]


def test_text_cannot_pass_for_structure() -> None:
    recogniser = Recogniser()
    two = recogniser.recognise(chat(said("user", "a"), said("user", "b")))
    one = recogniser.recognise(chat(said("user", "a\x1euser\x1f1\x1fb")))

    assert two.blocks[3].digest != one.blocks[3].digest


def test_the_newest_turn_counts_and_tool_results_are_not_the_user() -> None:
    recogniser = Recogniser()
    long = said("user", "please analyse " + "this long contract clause " * 400)
    thanks = recogniser.recognise(chat(SYSTEM, long, said("assistant", "Done."), said("user", "thanks!")))

    assert thanks.newest_tokens < 20
    assert thanks.input_tokens > 1_500


DIFFERENT_ANSWERS = {
    "effort": {"reasoning_effort": "high"},
    "temperature": {"temperature": 0.2},
    "top_p": {"top_p": 0.5},
    "cap": {"max_completion_tokens": 50},
    "choices": {"n": 2},
    "tool choice": {"tool_choice": "none"},
    "verbosity": {"verbosity": "low"},
    "tools": {"tools": json.loads(SEARCH)},
    "schema": {"response_format": {"type": "json_object", "padding": "x" * 40}},
    "stop": {"stop": ["\n"]},
}
SAME_ANSWER = {
    "model": {"model": "gpt-5.4-mini"},
    "lane": {"service_tier": "flex"},
    "user": {"user": "u1"},
    "metadata": {"metadata": {"a": "b"}},
    "stream": {"stream": True},
    "cache key": {"prompt_cache_key": "k"},
    "store": {"store": True},
}


@pytest.mark.parametrize("fields", DIFFERENT_ANSWERS.values(), ids=DIFFERENT_ANSWERS.keys())
def test_what_steers_the_answer_changes_the_request_digest(fields: dict) -> None:
    recogniser = Recogniser()

    assert recogniser.recognise(chat(SYSTEM)).request != recogniser.recognise(chat(SYSTEM, **fields)).request


@pytest.mark.parametrize("fields", SAME_ANSWER.values(), ids=SAME_ANSWER.keys())
def test_what_does_not_steer_the_answer_leaves_the_request_digest(fields: dict) -> None:
    recogniser = Recogniser()

    assert recogniser.recognise(chat(SYSTEM)).request == recogniser.recognise(chat(SYSTEM, **fields)).request


def test_the_same_question_under_another_system_prompt_is_another_request() -> None:
    """Case 43: an answer is never taken from a call with another prompt, tools or sampling."""
    recogniser = Recogniser()
    question = said("user", "What is my balance?")

    assert (
        recogniser.recognise(chat(said("system", "Bank A."), question)).request
        != recogniser.recognise(chat(said("system", "Bank B."), question)).request
    )


def test_requests_with_images_are_never_identical_and_end_their_blocks() -> None:
    image = {
        "role": "user",
        "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}],
    }
    facts = Recogniser().recognise(chat(SYSTEM, image))

    assert facts.request == 0
    assert len(facts.blocks) == 2
    assert "images" in facts.needs


NEEDS = {
    "function": (b'[{"type":"function","function":{"name":"a"}}]', {"tools"}, ("a",)),
    "flat function": (SEARCH, {"tools"}, ("search",)),
    "legacy function": (b'[{"name":"a","parameters":{}}]', {"tools"}, ("a",)),
    "custom": (b'[{"type":"custom","name":"c"}]', {"tools"}, ("c",)),
    "namespace": (
        b'[{"type":"namespace","name":"crm","description":"d","tools":[{"type":"function","name":"x"},{"type":"custom","name":"y"}]}]',
        {"tools"},
        ("x", "y"),
    ),
    "tool search": (b'[{"type":"tool_search"}]', {"tool_search"}, ("tool_search",)),
    "computer": (b'[{"type":"computer_use_preview"}]', {"computer_use"}, ("computer_use_preview",)),
    "hosted": (b'[{"type":"web_search","search_context_size":"low"}]', {"hosted_tools"}, ("web_search",)),
    "mcp": (b'[{"type":"mcp","server_label":"shop","server_url":"u"}]', {"hosted_tools"}, ("shop",)),
    "not an array": (b'{"type":"function"}', set(), ()),
    "not JSON": (b"[{", set(), ()),
    "odd entries": (b'[1,null,"x",{"type":5},{"function":7}]', {"tools"}, ("", "")),
    "deep": (b"[" * 100_000 + b"]" * 100_000, set(), ()),
}


@pytest.mark.parametrize(("tools", "needs", "names"), NEEDS.values(), ids=NEEDS.keys())
def test_tool_definitions_of_every_shape_are_read(
    tools: bytes, needs: set[str], names: tuple[str, ...]
) -> None:
    request = Request(endpoint="chat", messages=(Message(role="user", content="x"),), tools=tools)
    template = Recogniser().recognise(request).template

    assert template.needs == needs
    assert tool_names(request) == names
    assert len(template.tools) == len(names)


def test_template_tokens_are_exact() -> None:
    """Counting line by line adds up to counting the whole."""
    text = "You are an agent.\n\n# Rules\n  - Be brief.\n  - Say no.  \n \nIf in doubt, ask!\r\n\r\nEnd: 42\n"
    request = chat(said("system", text), tools=json.loads(SEARCH))
    template = Recogniser().recognise(request).template

    assert template.instructions_tokens == count_tokens(text) + 4
    assert abs(template.tools_tokens - count_tokens(SEARCH.decode())) <= 2
    assert template.tools[0].tokens == count_tokens(SEARCH.decode()[1:-1])


TEXTS = {
    "english": "Please check whether the order that I placed last week has already been sent to the new address. ",
    "german": "Bitte prüfen Sie, ob die Bestellung von letzter Woche schon an die neue Adresse verschickt wurde. ",
    "russian": "Пожалуйста, проверьте, был ли мой заказ с прошлой недели уже отправлен на новый адрес. ",
    "arabic": "يرجى التحقق مما إذا كان الطلب الذي قدمته الأسبوع الماضي قد أرسل إلى العنوان الجديد. ",
    "hindi": "कृपया जाँचें कि पिछले सप्ताह का मेरा ऑर्डर नए पते पर भेजा गया है या नहीं। ",
    "chinese": "请帮我确认一下上周下的订单是否已经寄往新的地址，如果没有请告诉我原因。",
    "japanese": "先週注文した商品が新しい住所にもう発送されたかどうかを確認していただけますか。",
    "korean": "지난주에 주문한 상품이 새 주소로 이미 발송되었는지 확인해 주시기 바랍니다. ",
    "json": '{"id": 12, "name": "lamp", "price": {"amount": 19.99, "currency": "USD"}, "tags": ["a", "b"]}, ',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_estimates_are_within_a_third_of_a_count(text: str) -> None:
    counted = count_tokens(text * 20)

    assert 0.66 * counted <= estimate_text(text * 20) <= 1.5 * counted


def test_instructions_are_the_leading_system_messages() -> None:
    request = chat(said("system", "A"), said("developer", "B"), said("user", "x"), said("system", "C"))

    assert instructions_of(request) == "A\nB"
    assert instructions_of(chat(said("user", "x"))) == ""


def test_a_call_moved_to_responses_keeps_its_template() -> None:
    recogniser = Recogniser()
    one = recogniser.recognise(chat(SYSTEM, said("user", "x")))
    other = recogniser.recognise(responses(said("user", "x"), instructions=SYSTEM["content"]))

    assert one.template == other.template
    assert one.workload == other.workload


def test_facts_hold_no_text_of_the_call() -> None:
    secret = "xylophone"
    facts = Recogniser().recognise(
        chat(SYSTEM, said("user", f"My {secret} broke. {secret}! Please {secret}."))
    )

    assert secret not in repr(facts)


def test_another_key_gives_other_digests() -> None:
    request = chat(SYSTEM, said("user", "My lamp broke. Please help."), tools=json.loads(SEARCH))
    one, other = Recogniser(b"a").recognise(request), Recogniser(b"b" * 100).recognise(request)

    assert one.workload != other.workload
    assert one.request != other.request
    assert not set(one.template.segments) & set(other.template.segments)
    assert not (set(one.opening) & set(other.opening)) - {0}
    assert all(a.digest != b.digest for a, b in zip(one.blocks, other.blocks, strict=True))
    assert one.template.tools[0].digest != other.template.tools[0].digest


def test_a_long_prompt_is_read_in_bounded_time_and_a_changed_line_costs_little() -> None:
    recogniser = Recogniser()
    text = "\n".join(f"- rule {number}: never say {'word ' * 8}" for number in range(20_000))

    facts = recogniser.recognise(chat(said("system", text)))
    assert len(facts.template.segments) <= 600
    assert facts.template.instructions_tokens > 100_000


@pytest.mark.parametrize(
    "piece", ["<context>", "Context:\n", "'''", "a. B", " \n", "1 May ", "<data>x</data>", "("], ids=repr
)
@pytest.mark.parametrize("role", ["system", "user"])
def test_hostile_prompts_take_linear_time(role: str, piece: str) -> None:
    request = Request(
        endpoint="chat", messages=(Message(role=role, content=piece * (1_000_000 // len(piece))),)
    )
    recogniser = Recogniser()
    recogniser.recognise(chat(SYSTEM))
    started = time.process_time()
    recogniser.recognise(request)

    assert time.process_time() - started < 1


TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "hi",
            "a. b? C",
            "Name: Anna",
            "<context>\nx\n</context>",
            '"""q"""',
            "Context:\nx\n\ny",
            "1 May",
            "<data>",
        ]
    ),
)
ROLE = st.sampled_from(["user", "assistant", "system", "developer", "tool", "weird", None])
MESSAGE = st.builds(
    Message,
    role=ROLE,
    content=st.one_of(
        st.none(),
        TEXT,
        st.lists(
            st.builds(Part, type=st.sampled_from(["text", "input_image", ""]), text=st.none() | TEXT),
            max_size=2,
        ),
    ),
    type=st.sampled_from(
        [None, "message", "function_call", "function_call_output", "reasoning", "tool_search_output", "new"]
    ),
    call_id=st.none() | st.text(max_size=3),
    arguments=st.binary(max_size=5).map(msgspec.Raw),
)
REQUEST = st.builds(
    Request,
    endpoint=st.sampled_from(["chat", "responses", "embeddings", "completions", "decisions", "other"]),
    model=st.none() | st.text(max_size=5),
    messages=st.lists(MESSAGE, max_size=6).map(tuple),
    tools=st.one_of(st.just(b""), st.just(SEARCH), st.binary(max_size=20)),
    schema=st.one_of(st.just(b""), st.just(b'{"type":"json_schema"}'), st.binary(max_size=20)),
    effort=st.none() | st.text(max_size=4),
    temperature=st.none() | st.floats() | st.integers(0, 1),
    max_output_tokens=st.none() | st.integers(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(REQUEST, min_size=1, max_size=4), st.binary(max_size=80))
def test_any_request_is_recognised_and_the_same_whatever_was_seen_before(
    requests: list[Request], key: bytes
) -> None:
    used = Recogniser(key)
    for request in requests:
        used.recognise(request)

    for request in requests:
        assert used.recognise(request) == Recogniser(key).recognise(request)


def test_every_template_learned_or_not_gives_a_nonzero_id() -> None:
    recogniser = Recogniser(templates=learn_templates([]))

    assert recogniser.recognise(Request(endpoint="other")).workload != 0


def test_instructions_that_look_alike_at_both_ends_are_told_apart() -> None:
    """What is remembered by its length and ends is compared whole."""
    recogniser = Recogniser()
    texts = ["x" * 60 + f"\nPlan {number}.\n" + "y" * 60 for number in range(3)]
    requests = [chat(said("system", text), said("user", "Go.")) for text in (*texts, *texts)]

    found = [recogniser.recognise(request) for request in requests]

    assert len({facts.template.digest for facts in found}) == 3
    assert found[:3] == found[3:] == [Recogniser().recognise(request) for request in requests[:3]]


lines = st.lists(
    st.sampled_from(["Be kind. Be brief.", "Today: 4/5", "", " ", "\t\r", "x", "Name: Jo"]), max_size=9
)


@given(lines, st.booleans())
def test_lines_taken_together_come_to_what_each_comes_to(texts: list[str], ended: bool) -> None:
    text = "\n".join(texts) + "\n" * ended
    cutter = Cutter(Digester(b""))
    whole, alone = cutter.cut(text), [line for raw in texts for line in cutter.cut(raw)]

    assert [s for line in whole for s in line.segments] == [s for line in alone for s in line.segments]
    assert [t for line in whole for t in line.texts] == [t for line in alone for t in line.texts]
    assert cutter.cut(text) == whole


def test_delimited_and_labelled_passages_do_not_count_as_template() -> None:
    cutter = Cutter(Digester(b""))

    def segments(text: str) -> list[int]:
        return [segment for line in cutter.cut(text) for segment in line.segments]

    for frame in (
        "Answer.\n<context>\n{}\n</context>\nBe brief.",
        "Answer.\nContext:\n{}\n\nBe brief.",
        'A """{}""" b',
    ):
        assert segments(frame.format("The lamp broke.\nIt was late.")) == segments(
            frame.format("Tables wobble.")
        )
    assert segments("<rules>\nBe kind.\n</rules>") != segments("<rules>\nBe brief.\n</rules>")
