"""Gateway keys: made once, shown once, kept as salted digests, with what they may do."""

from __future__ import annotations

import hmac
from hashlib import sha256
from secrets import token_bytes, token_hex, token_urlsafe
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.errors import CallerError
from tierwise.ledger._money import Budget
from tierwise.ledger._rows import now
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import keys

PREFIX: Final = "tw-"
"""What every gateway key begins with; OpenAI's begin with 'sk-'."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may do. The defaults allow every model and neither other paths nor going unrouted."""

    project: str = "default"
    """Whose its calls and objects are."""
    models: tuple[str, ...] = ()
    """Models that it may ask for; * stands for any text; empty allows all."""
    workloads: tuple[str, ...] = ()
    """Workloads that it may call, by fingerprint; empty allows all."""
    pass_through: bool = False
    """Whether it may use other paths of OpenAI's API than those that are decided or recorded."""
    unrouted: bool = False
    """Whether its calls may ask not to be routed."""
    a_minute: int | None = None
    """Calls in a minute."""
    at_once: int | None = None
    """Calls at once."""
    budget: Budget = Budget()
    admin: bool = False
    """Whether it may turn routing off and on, and read every project's calls."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept, without its secret."""

    id: str
    name: str
    scope: Scope
    made: int
    """Microseconds since the epoch."""
    ended: int | None = None


class Keys:
    """The keys of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def make(self, name: str, scope: Scope) -> str:
        """A new key. The text returned is kept nowhere.

        Raises:
            CallerError: There is a key of that name.
        """
        identity, salt, secret = token_hex(6), token_bytes(16), token_urlsafe(32)
        row = {
            "id": identity,
            "name": name,
            "salt": salt,
            "digest": _digest(salt, secret),
            "scope": msgspec.json.encode(scope).decode(),
            "made": now(),
        }
        try:
            with self._ledger.engine.begin() as connection:
                connection.execute(keys.insert().values(**row))
        except sa.exc.IntegrityError:
            raise CallerError(
                f"there is a key named {name!r:.60}; choose another name, or end that one"
            ) from None
        self._ledger.note("keys", f"made {name}: {row['scope']}")
        return f"{PREFIX}{identity}-{secret}"

    def end(self, name: str) -> None:
        """Let a key open nothing any more. Raises CallerError where there is none of that name."""
        with self._ledger.engine.begin() as connection:
            done = connection.execute(
                keys.update().where(keys.c.name == name, keys.c.ended.is_(None)).values(ended=now())
            )
        if not done.rowcount:
            raise CallerError(f"no key that is in use is named {name!r:.60}; see: tierwise keys list")
        self._ledger.note("keys", f"ended {name}")

    def all(self) -> list[Key]:
        """Every key, oldest first."""
        with self._ledger.engine.connect() as connection:
            rows = connection.execute(sa.select(keys).order_by(keys.c.made)).mappings().all()
        return [_key(row) for row in rows]

    def named(self, name: str) -> Key | None:
        """The key of a name, also one that was ended; None where there is none. Raises LedgerUnavailable."""
        with self._ledger.asked() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.name == name)).mappings().first()
        return _key(row) if row is not None else None

    def find(self, text: str) -> Key | None:
        """The key that a text is; None where it is none, or one that was ended. Raises LedgerUnavailable."""
        identity, _, secret = text.removeprefix(PREFIX).partition("-")
        if not text.startswith(PREFIX) or not secret:
            return None
        with self._ledger.asked() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.id == identity)).mappings().first()
        # As long for an unknown id as for a wrong secret.
        salt, kept = (row["salt"], row["digest"]) if row is not None else (b"\0" * 16, b"\0" * 32)
        right = hmac.compare_digest(_digest(bytes(salt), secret), bytes(kept))
        return _key(row) if right and row is not None and row["ended"] is None else None


def _digest(salt: bytes, secret: str) -> bytes:
    """The secret has 256 bits of chance, so that one round tells nothing of it."""
    return sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()


def _key(row: sa.RowMapping) -> Key:
    return Key(
        id=str(row["id"]),
        name=str(row["name"]),
        scope=msgspec.json.decode(str(row["scope"]), type=Scope),
        made=int(str(row["made"])),
        ended=int(str(row["ended"])) if row["ended"] is not None else None,
    )
