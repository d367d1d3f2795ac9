"""Which policy is in force: the file's, or one of the ledger's that was asked for; approved ones only where so set."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError, TierwiseError
from tierwise.gateway._metrics import Metrics
from tierwise.ledger import GATEWAY, Policies
from tierwise.policy import Live, load_live
from tierwise.workloads import key_id

_LOG: Final = logging.getLogger("tierwise.gateway")
_UNAPPROVED: Final = "was not approved by somebody other than its author"


class Force:
    """Finds the policy to go by, and whether it changed.

    Args:
        path: The policy file.
        catalog: Models and prices that it may name.
        policies: Those of the ledger: what was asked for, and what was approved.
        protected: Whether only policies are gone by that somebody other than their author approved.
        metrics: Counts policies that were refused.
    """

    def __init__(
        self, path: Path, catalog: Catalog, policies: Policies, *, protected: bool, metrics: Metrics
    ) -> None:
        self._path, self._catalog, self._policies = path, catalog, policies
        self._protected, self._metrics = protected, metrics
        self._digest = ""
        self._key = b""
        self._scorers: Mapping[str, bytes] = {}
        self._stamp: tuple[int, int] | None = None
        self._file: Live | None = None
        self.refused: str | None = None
        """Why what is wanted now is not gone by."""

    def first(self) -> Live:
        """The policy to begin with.

        Raises:
            ConfigurationError: None may be gone by.
        """
        wanted = self._policies.wanted()
        if wanted is None or self._path.exists():
            live = self._of_file()
            if wanted is None and self._may(live):
                return self._go(live)
        if wanted is not None:
            return self._go(self._stored(wanted))
        for digest in self._policies.history():
            if self._policies.approved(digest):
                self._refuse(f"{live.policy.digest} {_UNAPPROVED}")
                return self._go(self._stored(digest))
        raise ConfigurationError(
            f"{self._path}: {live.policy.digest} {_UNAPPROVED}; its author runs: tierwise policy publish "
            f"{self._path}, and then somebody else: tierwise policy approve {live.policy.digest[:12]}"
        )

    def changed(self) -> Live | None:
        """The policy to go by from now on, where that is another one; what does not hold leaves the old one."""
        try:
            wanted = self._policies.wanted()
            if wanted is not None:
                return self._go(self._stored(wanted)) if wanted != self._digest else None
            live = self._of_file()
            if live.policy.digest == self._digest:
                return None
            if self._may(live):
                return self._go(live)
            self._refuse(f"{live.policy.digest} {_UNAPPROVED}")
        except (TierwiseError, OSError) as error:
            self._refuse(str(error))
        return None

    def _of_file(self) -> Live:
        """The file's policy, read again where the file changed; one that does not hold is said once."""
        stamp = self._stamp_now()
        if self._file is None or stamp != self._stamp:
            self._stamp = stamp
            self._file = load_live(self._path, self._catalog)
            self._key = self._file.key
            # Those of earlier files stay: a rollback may ask them again.
            self._scorers = {**self._scorers, **self._file.scorers}
        return self._file

    def _may(self, live: Live) -> bool:
        return not self._protected or self._policies.approved(live.policy.digest)

    def _stored(self, digest: str) -> Live:
        """A policy of the ledger, with the key of the file and the scorers of the files read here: neither is in a database.

        A rule whose scorer no file has named lets its calls go as asked.
        """
        if self._protected and not self._policies.approved(digest):
            raise ConfigurationError(f"{digest} {_UNAPPROVED}")
        policy, learned = self._policies.load(digest)
        if policy.key_id != key_id(self._key):
            raise ConfigurationError(f"{digest} was made under another key than the policy file names")
        return Live(policy=policy, learned=learned, key=self._key, scorers=self._scorers)

    def _go(self, live: Live) -> Live:
        self._policies.keep(live, GATEWAY)
        self._policies.used(live.policy.digest)
        self._digest, self.refused = live.policy.digest, None
        return live

    def _refuse(self, why: str) -> None:
        """Said once, however often it is looked at."""
        if why == self.refused:
            return
        self.refused = why
        self._metrics.policy_refused.inc()
        _LOG.error("the policy does not hold, the old one stays: %s", why)

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
