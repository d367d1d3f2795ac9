"""What an audit learned of a log, in a file that the policy names: digests, counts, names of unused tools."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from tierwise.errors import ConfigurationError
from tierwise.policy._lengths import Lengths
from tierwise.policy._state import Latency
from tierwise.tools import Unused
from tierwise.workloads import Role, Templates, name_digest, own_name

MAGIC: Final = b"tierwise learned 1\n"
LEAST: Final = 20
"""Calls from which a length or a time is taken for learned."""
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the file, packed or unpacked; more is none."""
BOUND: Final = (200, 5000)
"""Ratios of lengths outside are taken for a difference of the calls, not of the models; per mille."""


class Uses(msgspec.Struct, frozen=True):
    """How long answers of one workload were on one model at one effort."""

    calls: int
    output: int
    """Mean visible output tokens."""
    reasoning: int
    """Mean reasoning tokens."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of a log."""

    key_id: str = ""
    """Of the key that its digests were taken under (`workloads.key_id`)."""
    calls: int = 0
    """Calls that it was learned from."""
    templates: Templates = Templates()
    named: dict[int, dict[int, int]] = {}
    """Workloads that the audit divided by the application's own names: workload as recognised, to
    digest of a name, to workload."""
    roles: dict[int, Role] = {}
    """By workload: the role of nearly all of its calls in their traces."""
    uses: dict[int, dict[str, Uses]] = {}
    """By workload, then by 'MODEL EFFORT' (effort '-' where the model does not reason)."""
    latency: dict[str, Latency] = {}
    """By 'MODEL LANE'."""
    unused: dict[int, tuple[Unused, ...]] = {}
    """By workload: definitions that no logged session of it used, with the sessions and the risk."""

    def workload_of(self, workload: int, name: str | None) -> int:
        """The workload of a call that the application calls `name`, as the audit divided it."""
        names = self.named.get(workload)
        own = own_name(name) if names else None
        return names.get(name_digest(own), workload) if names and own is not None else workload

    def expected(self, workload: int, model: str, effort: str | None) -> tuple[int, int] | None:
        """Visible output and reasoning tokens of the workload's answers there; None where not learned."""
        found = self.uses.get(workload, {}).get(use_name(model, effort))
        return (found.output, found.reasoning) if found is not None else None

    def lengths(self, workload: int, model: str, effort: str | None) -> dict[str, Lengths]:
        """Lengths of the workload's answers on other models at the same effort, against `model`."""
        return lengths_against(self.uses.get(workload, {}), model, effort)


def use_name(model: str, effort: str | None) -> str:
    """What `Learned.uses` calls a rung."""
    return f"{model} {effort or '-'}"


def lengths_against(uses: Mapping[str, Uses], model: str, effort: str | None) -> dict[str, Lengths]:
    """Lengths by model, per mille of those of `model` at `effort`, from uses by rung."""
    base = uses.get(use_name(model, effort))
    if base is None or base.calls < LEAST or not base.output:
        return {}
    found: dict[str, Lengths] = {}
    for name, use in uses.items():
        other, _, at = name.rpartition(" ")
        if other == model or use.calls < LEAST or at not in {effort or "-", "-"}:
            continue
        reasoning = _ratio(use.reasoning, base.reasoning) if base.reasoning else 1000
        found[other] = Lengths(output=_ratio(use.output, base.output), reasoning=reasoning, learned=True)
    return found


def _ratio(other: int, base: int) -> int:
    return min(max(other * 1000 // base, BOUND[0]), BOUND[1])


def learned_bytes(learned: Learned) -> bytes:
    """The file of what was learned."""
    import zstandard

    packed = msgspec.msgpack.encode(learned)
    return MAGIC + zstandard.ZstdCompressor(level=9, write_checksum=True).compress(packed)


def learned_digest(content: bytes) -> str:
    """SHA-256 of such a file, 64 hex digits: what a policy's digest covers."""
    return sha256(content).hexdigest()


def save_learned(learned: Learned, path: Path) -> str:
    """Write the file, whole or not at all; its digest. Raises OSError where it cannot be written."""
    content = learned_bytes(learned)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return learned_digest(content)


def parse_learned(content: bytes, place: str) -> Learned:
    """What a file holds.

    Raises:
        ConfigurationError: Damaged, or of another version.
    """
    import zstandard

    remedy = "write it anew with `tierwise audit LOGS --learned FILE`"
    if not content.startswith(MAGIC):
        raise ConfigurationError(
            f"{place}: expected what an audit learned, found another kind of file; {remedy}"
        )
    try:
        learned = msgspec.msgpack.decode(_unpacked(content[len(MAGIC) :]), type=Learned)
        _check_index(learned.templates)
    except (zstandard.ZstdError, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{place}: damaged: {str(error)[:120]}; {remedy}") from None
    return learned


def _unpacked(packed: bytes) -> bytes:
    """The one frame that the bytes are. Raises ZstdError, or ValueError for one beyond `LARGEST`."""
    import zstandard

    # A frame says how much memory it wants; a damaged one may want any amount.
    wanted = zstandard.get_frame_parameters(packed).content_size
    if max(wanted, len(packed)) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes, found {max(wanted, len(packed))}")
    return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)


def _check_index(templates: Templates) -> None:
    """Raises ValueError where the index points beyond its templates: a live call must not find out."""
    for base, index in templates.index.items():
        most = max((at for places in index.values() for at in places), default=-1)
        least = min((at for places in index.values() for at in places), default=0)
        if least < 0 or most >= len(templates.leaves.get(base, ())):
            raise ValueError("the index does not fit the templates")


def read_learned(path: Path) -> bytes:
    """The bytes of such a file, as far as one can be. Raises OSError, and ValueError for an odd name."""
    with path.open("rb") as file:
        return file.read(LARGEST + len(MAGIC) + 1)


def load_learned(path: Path) -> Learned:
    """As `parse_learned`, of a path. Raises ConfigurationError where it cannot be read."""
    try:
        content = read_learned(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: what was learned cannot be read: {error.strerror}") from None
    return parse_learned(content, str(path))
