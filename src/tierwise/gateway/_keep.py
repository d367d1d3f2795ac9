"""What a gateway does beside calls: it folds the spool, and looks what the ledger says is to hold."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from typing import Final

import msgspec

from tierwise.gateway._access import GRACE
from tierwise.gateway._force import Force
from tierwise.gateway._gate import LedgerGate
from tierwise.gateway._housekeeping import Housekeeping
from tierwise.gateway._lookout import Condition
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._objects import Objects
from tierwise.gateway._own import ROUTING, off_for
from tierwise.gateway._settings import Settings
from tierwise.gateway._vigil import Vigil
from tierwise.ledger import Budgets, Ledger, Spool, corrections
from tierwise.online import Pipeline, scorers_of

_LOG: Final = logging.getLogger("tierwise.gateway")
LOOK: Final = 1.0
"""Seconds between looks at the policy file and at what the ledger says."""
ELSEWHERE: Final = 10.0
"""Seconds between looks for calls from here whose end another gateway wrote down."""
ORPHANS: Final = 10.0
"""Seconds between looks for spool files of processes that are gone."""


class Keeping(msgspec.Struct, kw_only=True):
    """A gateway's background work, and whether calls can be taken as far as it knows."""

    settings: Settings
    force: Force | None
    pipeline: Pipeline
    gate: LedgerGate
    objects: Objects
    budgets: Budgets
    ledger: Ledger
    spool: Spool
    metrics: Metrics
    condition: Condition
    housekeeping: Housekeeping
    vigil: Vigil
    ending: bool = False
    """Whether the gateway is about to stop."""
    refusing: str | None = None
    """Why the spool takes no call."""
    looked: float = 0.0
    let_go: float = 0.0
    searched: float = msgspec.field(default_factory=time.monotonic)

    def unready(self) -> str | None:
        """Why calls should go to another gateway; None where this one takes them."""
        if self.ending:
            return "the gateway is stopping"
        if self.force is not None and self.pipeline.policy is None:
            return "no policy is loaded"
        self.refusing = self.spool.tend()
        if self.refusing is not None:
            return f"calls cannot be written down: {self.refusing}"
        gone = time.monotonic() - self.condition.folded
        if gone > GRACE * self.settings.keys_remembered + self.settings.fold_every:
            return f"the ledger has not been reached for {gone:.0f} seconds, longer than keys are remembered"
        return None

    async def run(self) -> None:
        """Fold and look, until cancelled."""
        while True:
            await asyncio.sleep(self.settings.fold_every)
            try:
                self._say(await asyncio.to_thread(self.spool.tend))
                await asyncio.to_thread(self._fold)
                self.condition.folded = time.monotonic()
                self.metrics.spooled.set(self.spool.size)
                await asyncio.to_thread(self.housekeeping.tend, time.monotonic())
                await asyncio.to_thread(self.vigil.tend, time.monotonic())
                if time.monotonic() - self.looked >= LOOK:
                    await self.look()
                if time.monotonic() - self.let_go >= ELSEWHERE:
                    self.let_go = time.monotonic()
                    self.gate.ended_elsewhere(await asyncio.to_thread(self.ledger.ended, self.gate.later))
            except Exception:  # noqa: BLE001 - the database may be gone for a while, the spool holds what is new
                _LOG.exception("the ledger cannot be reached; the spool holds what is new")

    async def look(self) -> None:
        """Take over what the ledger says: routing, budgets, settlements, policy. To be done before the first call."""
        self.looked = time.monotonic()
        flags = await asyncio.to_thread(self.ledger.flags)
        self.pipeline.off = flags.get(ROUTING) == "off"
        self.pipeline.off_for = off_for(flags)
        self.vigil.take(flags)
        self.condition.alarms = self.vigil.alarms
        self.gate.budgets = await asyncio.to_thread(self.ledger.budgets)
        self.gate.correct(await asyncio.to_thread(corrections, self.ledger, self.gate.settled))
        await asyncio.to_thread(self.budgets.tend, dt.datetime.now(dt.UTC).date())
        await asyncio.to_thread(self.objects.tend)
        live = await asyncio.to_thread(self.force.changed) if self.force is not None else None
        self.condition.refused = self.force.refused if self.force is not None else None
        if live is not None:
            scorers = await asyncio.to_thread(scorers_of, live)
            self.pipeline.go_by(live.policy, live.learned, live.key, scorers)

    def _fold(self) -> None:
        current = self.spool.path
        for path in self.spool.paths:
            self.ledger.fold(path, orphan=path < current)
        if time.monotonic() - self.searched >= ORPHANS:
            self.searched = time.monotonic()
            self.ledger.fold_orphans(self.spool.folder)

    def _say(self, why: str | None) -> None:
        if why is not None and why != self.refusing:
            _LOG.error("calls cannot be written down: %s", why)
        self.refusing = why
