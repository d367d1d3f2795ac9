"""A policy with what live calls need beside it: what was learned, and the key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError
from tierwise.policy._learned import Learned
from tierwise.policy._load import check_policy
from tierwise.policy._types import Policy
from tierwise.workloads import Recogniser


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What decides live calls."""

    policy: Policy
    learned: Learned | None = None
    key: bytes = b""
    scorers: Mapping[str, bytes] = {}
    """Files of the scorers that the policy's rules name, by digest."""

    def recogniser(self) -> Recogniser:
        """Recognises calls as the audit did whose workloads the policy names."""
        return Recogniser(self.key, self.learned.templates if self.learned is not None else None)

    def __repr__(self) -> str:
        return f"Live({self.policy.name!r}, key={'set' if self.key else 'none'})"


def load_live(path: Path | str, prices: Catalog, *, now: dt.date | None = None) -> Live:
    """As `load_policy`, with what the policy's `learned` and `key` name.

    Raises:
        ConfigurationError: the file does not hold; one line a problem.
        OSError: the file cannot be read.
    """
    checked = check_policy(path, prices, now=now)
    if checked.policy is None:
        raise ConfigurationError("\n".join(map(str, checked.problems)))
    return Live(policy=checked.policy, learned=checked.learned, key=checked.key, scorers=checked.scorers)
