"""Text that is kept: nothing of what is to be taken out is left, JSON stays JSON, and twice is as once."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.online._patterns import luhn
from tierwise.online._redact import MOST, Redactor
from tierwise.policy import Keep

KEEP = Keep(text="all", retention=1, patterns={"customer": "KD-[0-9]{6,8}"})
CARD, KEY = "4111111111111111", "sk-proj-abcdEFGH1234567890"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(KEEP)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("mail a.b+c@x-y.co.uk, or jürgen@müller.de!", "mail [redacted:email], or [redacted:email]!"),
        ("card 4111 1111 1111 1111 12/27", "card [redacted:card] 12/27"),
        ("card 4111-1111-1111-1112", "card 4111-1111-1111-1112"),
        ("at 1795600000000000", "at 1795600000000000"),
        (
            "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
            "[redacted:card]",
        ),
        ("DE89 3704 0044 0532 0130 00 and more", "[redacted:iban] and more"),
        ("gb82west12345698765432", "[redacted:iban]"),
        (
            "10.0.0.1, 2001:db8::1, 12:30:45, std::vector, v1.2.3",
            "[redacted:ip], [redacted:ip], 12:30:45, std::vector, v1.2.3",
        ),
        (
            "密钥sk-abcdefghijklmnop。a task-list-of-many-things",
            "密钥[redacted:key]。a task-list-of-many-things",
        ),
        ("Authorization: Bearer abcdef.ghij-kl", "Authorization: [redacted:bearer]"),
        ("eyJhbGciOi.eyJzdWIi.abc", "[redacted:jwt]"),
        (
            "+49 151 2345 6789; (555) 123-4567; 030 / 1234567",
            "[redacted:phone]; [redacted:phone]; [redacted:phone]",
        ),
        ("KD-1234567", "[redacted:customer]"),
        ('{"card": 4111111111111111, "b": [1]}', '{"card":"[redacted:card]","b":[1]}'),
        ('{"card": "\\u0034111111111111111"}', '{"card":"[redacted:card]"}'),
        ("2026-11-25 08:00:00, 3.14159, 100 000 000", "2026-11-25 08:00:00, 3.14159, 100 000 000"),
    ],
)
def test_what_is_taken_out_and_what_is_not(redactor: Redactor, text: str, clean: str) -> None:
    assert redactor.text(text) == clean


def test_only_what_is_named_is_taken_out_but_keys_always() -> None:
    redactor = Redactor(Keep(text="all", retention=1, redact=frozenset({"card"})))
    assert redactor.text(f"a@b.com {CARD} {KEY}") == "a@b.com [redacted:card] [redacted:key]"


def test_field_names_numbers_and_half_characters_survive_as_json(redactor: Redactor) -> None:
    body = b'{"a":"\\ud83d x","n":4111111111111111,"x@y.de":2,"z@y.de":3,"f":1e400,"t":true,"z":null}'
    assert json.loads(redactor.body(body)) == {
        "a": "\ud83d x", "n": "[redacted:card]", "[redacted:email]": 2, "[redacted:email] 2": 3,
        "f": "1e400", "t": True, "z": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b"a@b.com sk-abcdefghijklmnop", b"9" * 6_000]
)
def test_what_is_no_json_is_kept_as_one_clean_text(redactor: Redactor, body: bytes) -> None:
    found = json.loads(redactor.body(body))
    assert "a@b" not in str(found)
    assert "sk-a" not in str(found)


def test_media_are_left_out_and_so_is_what_no_call_should_wait_for(redactor: Redactor) -> None:
    image = "data:image/png;base64," + "iVBORw0KGgo" * 900_000
    body = json.dumps({"image": image, "text": "hello " * 10, "long": "word " * MOST}).encode()
    found = json.loads(redactor.body(body))
    assert found["image"] == f"[left out: {len(image)} characters]"
    assert found["text"] == "hello " * 10
    assert found["long"].startswith("[left out: ")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1 ",
        "4 1 ",
        "eyJ-",
        "a@",
        "a.a:",
        "AA11 ",
        "+1(",
        "::",
        "DE89",
        "sk-a ",
        "{",
        "0.",
        "日本語の文。",
    ],
)
def test_no_text_makes_it_slow(redactor: Redactor, unit: str) -> None:
    times = []
    for size in (50_000, 200_000):
        began = time.process_time()
        redactor.text(unit * (size // len(unit)) + " ")
        times.append(time.process_time() - began)
    assert times[1] < 10 * times[0] + 0.2


_WORDS = st.one_of(
    st.text(max_size=12),
    st.text(alphabet=st.characters(codec=None, categories=["Cs", "Lo", "Nd", "Zs"]), max_size=6),
    st.sampled_from(
        [
            CARD,
            "5500 0000 0000 0004",
            "3400-000000-00009",
            KEY,
            "tw-" + "x9" * 10,
            "[redacted:card]",
            "[redacted:",
            " ",
            "-",
            "1",
            '"',
            "\\",
            "a@b.co",
        ]
    ),
)
_TEXTS = st.lists(_WORDS, max_size=6).map("".join)
_JSON = st.recursive(
    st.one_of(
        _TEXTS,
        st.integers(),
        st.booleans(),
        st.none(),
        st.just(int(CARD)),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_TEXTS, inner, max_size=4),
        st.dictionaries(_TEXTS, inner, max_size=2).map(json.dumps),
    ),
    max_leaves=8,
)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (*strings(key), *strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value if isinstance(value, str) else json.dumps(value)]


def has_card(text: str) -> bool:
    """By whole groups of digits with one separator between, apart from how the redactor looks."""
    for run in re.finditer(r"\d(?:[ -]?\d)*", text):
        groups = re.findall(r"\d+", run[0])
        for first in range(len(groups)):
            for last in range(first + 1, len(groups) + 1):
                digits = "".join(groups[first:last])
                if 13 <= len(digits) <= 19 and 2 <= int(digits[0]) <= 6 and luhn(digits):
                    return True
    return False


@settings(max_examples=300, deadline=None)
@given(_JSON)
def test_no_card_or_key_is_left_json_stays_json_and_twice_is_as_once(redactor: Redactor, value: Any) -> None:
    once = redactor.body(json.dumps(value).encode())
    found = json.loads(once)
    for text in strings(found):
        assert not has_card(text)
        assert re.search(r"(?<![A-Za-z0-9])(sk|tw)-[A-Za-z0-9_-]{12,}", text) is None
    assert redactor.body(once) == once


@given(st.text(max_size=30), st.integers(0, 1000))
def test_a_share_is_drawn_by_the_calls_id_alone(call: str, permille: int) -> None:
    identity = call.encode("utf-8", "replace").decode()
    keep = Keep(text="all", retention=1, share=Decimal(permille) / 1000)
    assert keep.chooses(identity, None) == keep.chooses(identity, "00000000000000a1")
    assert not Keep(text="all", retention=1, share=Decimal(0)).chooses(identity, None)
    assert Keep(text="all", retention=1).chooses(identity, None)


def test_a_share_comes_out_as_large_as_it_was_named() -> None:
    keep = Keep(text="all", retention=1, share=Decimal("0.1"))
    assert 850 < sum(keep.chooses(f"tw_{n:x}", None) for n in range(10_000)) < 1_150
