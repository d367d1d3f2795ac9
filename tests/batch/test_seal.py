"""Bodies at rest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tierwise.batch import Sealer
from tierwise.errors import ConfigurationError, SealBroken

SEALER = Sealer(b"k" * 32)


@pytest.mark.parametrize("body", [b"", b"x", b"\xff\x00" * 1_000, b"word " * 100_000])
def test_what_is_sealed_opens_under_its_name_and_key_alone(body: bytes) -> None:
    sealed = SEALER.seal("a", body)
    assert SEALER.open("a", sealed) == body
    assert len(body) < 5 or body not in sealed
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    wrong = [
        (SEALER, "b", sealed),
        (Sealer(b"o" * 32), "a", sealed),
        (SEALER, "a", damaged),
        (SEALER, "a", b""),
    ]
    for sealer, name, given in wrong:
        with pytest.raises(SealBroken):
            sealer.open(name, given)


def test_bodies_are_sealed_and_opened_in_several_threads_at_once() -> None:
    def work(number: int) -> bool:
        body = b"%d " % number * (1_000 + number)
        return all(SEALER.open(str(number), SEALER.seal(str(number), body)) == body for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_a_mark_tells_bodies_apart_and_nothing_without_the_key() -> None:
    assert SEALER.mark(b"a") == SEALER.mark(b"a") != SEALER.mark(b"b")
    assert SEALER.mark(b"a") != Sealer(b"o" * 32).mark(b"a")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="16 bytes"):
        Sealer(b"short")
