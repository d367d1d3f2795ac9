"""The owner's key: made once, read by its owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tierwise.errors import ConfigurationError
from tierwise.workloads import key_id, make_key, read_key


def test_a_key_is_made_for_its_owner_and_read_back(tmp_path: Path) -> None:
    made = make_key(tmp_path / "folder" / "k")
    assert len(made) == 32
    assert (tmp_path / "folder" / "k").stat().st_mode & 0o777 == 0o600
    assert read_key(tmp_path / "folder" / "k") == made
    with pytest.raises(ConfigurationError, match="never replaced"):
        make_key(tmp_path / "folder" / "k")


def test_the_name_of_a_key_tells_keys_apart_and_nothing_else(tmp_path: Path) -> None:
    one, other = make_key(tmp_path / "a"), make_key(tmp_path / "b")
    assert key_id(one) != key_id(other)
    assert key_id(b"") == ""
    assert one.hex() not in key_id(one)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"", 0o600, "64 hex digits"),
        (b"abc", 0o600, "64 hex digits"),
        (b"\xff" * 64, 0o600, "64 hex digits"),
        (b"zz" * 32, 0o600, "64 hex digits"),
        (b"ab" * 32, 0o644, "chmod 600"),
    ],
)
def test_what_is_no_key_is_refused_with_a_remedy(
    tmp_path: Path, content: bytes, mode: int, said: str
) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=said):
        read_key(path)
