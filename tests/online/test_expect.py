"""Input tokens near a window's limit are counted; elsewhere bytes and an estimate decide."""

from __future__ import annotations

import json

import pytest

from tierwise.calls import parse_request
from tierwise.catalog import Catalog, count_tokens
from tierwise.online import input_tokens
from tierwise.online._expect import windows_of
from tierwise.workloads import Recogniser


def counted(text: str, windows: tuple[int, ...], *, image: bool = False) -> tuple[int, int, int]:
    """What comes out, the estimate, and how many texts were counted exactly."""
    content: list[dict[str, object]] = [{"type": "text", "text": text}]
    content += [{"type": "image_url", "image_url": {"url": "https://x/y"}}] if image else []
    body = json.dumps({"model": "gpt-5.5", "messages": [{"role": "user", "content": content}]}).encode()
    request = parse_request("chat", body)
    facts, seen = Recogniser().recognise(request), []

    def count(of: str) -> int:
        seen.append(of)
        return count_tokens(of)

    return input_tokens(request, facts, len(body), windows, count), facts.input_tokens, len(seen)


TEXT = "The quick brown fox jumps over the lazy dog. " * 200


def test_far_from_every_limit_nothing_is_counted() -> None:
    for windows in ((100_000,), ()):
        found, estimate, texts = counted(TEXT, windows)
        assert (found, texts) == (estimate, 0)
    # Far above one, slices tell that it is.
    assert counted(TEXT, (50,))[2] == 8


def test_near_a_limit_the_count_is_exact() -> None:
    found, estimate, texts = counted(TEXT, (2_000,))
    assert texts == 8 + 1
    assert found == count_tokens(TEXT) + 4
    assert abs(found - estimate) < 0.3 * found


@pytest.mark.parametrize(
    "text", ["語" * 6_000, "a1" * 6_000, "😀" * 6_000, TEXT * 2], ids=["han", "hex", "emoji", "prose"]
)
def test_text_that_is_no_prose_is_not_taken_for_short(text: str) -> None:
    exact = count_tokens(text)
    for limit in (exact - 10, exact + 10):
        assert counted(text, (limit,))[0] == exact + 4


def test_images_have_tokens_that_no_text_tells() -> None:
    found, estimate, texts = counted(TEXT, (2_000,), image=True)
    assert (found, texts) == (estimate, 0)


def test_a_request_of_fewer_bytes_than_the_window_has_tokens_fits_for_sure() -> None:
    assert counted("word " * 100, (600,))[2] == 0


def test_a_huge_request_is_not_counted() -> None:
    request = parse_request("chat", b'{"messages":[{"role":"user","content":"hi"}]}')
    facts = Recogniser().recognise(request)
    assert input_tokens(request, facts, 30_000_000, (4,), count_tokens) == facts.input_tokens


def test_the_windows_that_matter_leave_room_for_the_answer() -> None:
    catalog = Catalog.open()
    model = catalog.resolve("gpt-5.5").model
    assert model.context is not None
    assert windows_of([model], 1_000)[-1] <= max(model.context - 1_000, model.max_input or 0)
