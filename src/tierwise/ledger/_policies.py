"""Policies in the ledger: each that was gone by, who made it, who approved it, and which is wanted now."""

from __future__ import annotations

from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.errors import CallerError
from tierwise.ledger._rows import now
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import approvals, policies, uses
from tierwise.policy import Learned, Live, Policy, learned_bytes, parse_learned

WANTED: Final = "policy"
"""The flag that names the digest which gateways go by; empty: each goes by its own file."""
SHORTEST: Final = 8
"""Hex digits that name a digest at least."""
PERSON: Final = "key:"
"""What the names of people begin with whom a gateway key stands for: nobody can just say that name."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as the ledger knows it."""

    digest: str
    name: str
    author: str
    """'key:NAME' where a gateway key said so, 'user:NAME' for a name that was only given, or 'gateway'."""
    made: int
    """Microseconds since the epoch."""
    approved_by: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether somebody other than its author approved it, both known by their keys."""
        known = self.author.startswith(PERSON)
        return known and any(who.startswith(PERSON) and who != self.author for who in self.approved_by)


class Policies:
    """The policies of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def keep(self, live: Live, author: str) -> str:
        """Keep a policy that holds, under its digest; its author stays who brought it first.

        One that a gateway took from a file gets the author who publishes it later.
        """
        digest = live.policy.digest
        with self._ledger.engine.begin() as connection:
            known = connection.execute(
                sa.select(policies.c.author).where(policies.c.digest == digest)
            ).scalar()
            if known is None:
                row = {
                    "digest": digest,
                    "name": live.policy.name,
                    "author": author,
                    "made": now(),
                    "content": msgspec.json.encode(live.policy, order="deterministic"),
                    "learned": learned_bytes(live.learned) if live.learned is not None else None,
                }
                connection.execute(policies.insert().values(**row))
            elif known == GATEWAY and author != GATEWAY:
                connection.execute(policies.update().where(policies.c.digest == digest).values(author=author))
        if known is None or (known == GATEWAY and author != GATEWAY):
            self._ledger.note(author, f"policy {digest} ({live.policy.name}) kept")
        return digest

    def load(self, digest: str) -> tuple[Policy, Learned | None]:
        """A policy and what was learned for it.

        Raises:
            CallerError: There is none of that digest.
        """
        with self._ledger.engine.connect() as connection:
            row = connection.execute(
                sa.select(policies.c.content, policies.c.learned).where(policies.c.digest == digest)
            ).first()
        if row is None:
            raise CallerError(f"no policy {digest:.12} in the ledger; see: tierwise policy list")
        content, learned = row
        policy = msgspec.json.decode(bytes(content), type=Policy)
        return policy, parse_learned(bytes(learned), f"policy {digest:.12}") if learned is not None else None

    def all(self) -> list[Version]:
        """Every policy, oldest first."""
        columns = (policies.c.digest, policies.c.name, policies.c.author, policies.c.made)
        with self._ledger.engine.connect() as connection:
            approved: dict[str, list[str]] = {}
            said = sa.select(approvals.c.digest, approvals.c.who).order_by(approvals.c.number)
            for digest, who in connection.execute(said):
                approved.setdefault(digest, []).append(who)
            rows = connection.execute(sa.select(*columns).order_by(policies.c.made, policies.c.digest))
            return [
                Version(digest=d, name=n, author=a, made=m, approved_by=tuple(approved.get(d, ())))
                for d, n, a, m in rows
            ]

    def find(self, digest: str) -> Version:
        """The one policy whose digest begins so. Raises CallerError."""
        found = [version for version in self.all() if version.digest.startswith(digest.lower())]
        if len(digest) < SHORTEST or len(found) != 1:
            raise CallerError(
                f"expected the first {SHORTEST} or more digits of one policy's digest, got {digest!r:.70}, "
                f"which fits {len(found)}; see: tierwise policy list"
            )
        return found[0]

    def approve(self, digest: str, who: str) -> Version:
        """Approve a policy. Raises CallerError where its author does, or there is none."""
        version = self.find(digest)
        if version.author == who:
            raise CallerError(f"{who} made this policy; somebody else must approve it")
        with self._ledger.engine.begin() as connection:
            connection.execute(approvals.insert().values(at=now(), digest=version.digest, who=who[:200]))
        self._ledger.note(who, f"policy {version.digest} approved")
        return self.find(version.digest)

    def approved(self, digest: str) -> bool:
        """Whether somebody other than its author approved a policy."""
        return any(version.digest == digest and version.approved for version in self.all())

    def want(self, digest: str | None, who: str) -> None:
        """Let every gateway go by a policy of the ledger; None: by its own file again."""
        self._ledger.set_flag(WANTED, digest or "", who)

    def wanted(self) -> str | None:
        """The digest that gateways are to go by; None: their own file's."""
        return self._ledger.flag(WANTED) or None

    def used(self, digest: str) -> None:
        """A gateway goes by a policy now."""
        with self._ledger.engine.begin() as connection:
            last = connection.execute(sa.select(uses.c.digest).order_by(uses.c.number.desc())).scalar()
            if last == digest:
                return
            connection.execute(uses.insert().values(at=now(), digest=digest))
        self._ledger.note(GATEWAY, f"goes by policy {digest}")

    def history(self) -> list[str]:
        """Digests that gateways went by, newest first, each once."""
        with self._ledger.engine.connect() as connection:
            rows = connection.execute(sa.select(uses.c.digest).order_by(uses.c.number.desc())).scalars()
            return list(dict.fromkeys(rows))

    def before(self) -> Version:
        """The policy gone by before the one in force. Raises CallerError where there was none."""
        found = self.history()
        if len(found) < 2:
            raise CallerError("no earlier policy was gone by; see: tierwise policy list")
        return self.find(found[1])


GATEWAY: Final = "gateway"
"""The author of a policy that a gateway found in its file."""
