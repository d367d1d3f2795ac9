"""From the [defer] table to a Defer."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._defer import Defer, Window
from tierwise.policy._file import DeferTable, PolicyFile, milliseconds
from tierwise.policy._problems import Sheet


def defer_of(top: PolicyFile, prices: Catalog, sheet: Sheet) -> Defer | None:
    """How calls wait; None where the file does not say, and with a problem noted where it may not be."""
    table = top.defer
    if table is None:
        return None
    if top.limits.zero_retention:
        sheet.say(("defer",), "zero_retention of [limits] forbids it: what waits is stored; leave it out")
    if table.late_cost < Decimal(0):
        sheet.say(("defer", "late_cost"), f"expected a share from 0, found {table.late_cost}")
    return Defer(
        window=_window(table, sheet),
        own_keys=table.own_keys,
        late=(table.late,) if isinstance(table.late, str) else table.late,
        late_cost=table.late_cost,
        collect=milliseconds(table.collect) // 1000,
        keep=milliseconds(table.keep) // 1000,
        keep_unfetched=milliseconds(table.keep_unfetched) // 1000,
        enqueued=_enqueued(table, prices, sheet),
        key_env=table.key_env,
    )


def _window(table: DeferTable, sheet: Sheet) -> Window | None:
    try:
        ZoneInfo(table.zone)
    except (KeyError, OSError, ValueError):
        # Unknown, a folder of zones, a path that leads elsewhere.
        sheet.say(
            ("defer", "zone"), f"expected an IANA time zone, e.g. 'Europe/Berlin', found {table.zone!r:.60}"
        )
        return None
    if table.window is None:
        return None
    begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in table.window.split("-"))
    return Window(begins=begins, ends=ends, zone=table.zone)


def _enqueued(table: DeferTable, prices: Catalog, sheet: Sheet) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, tokens in table.enqueued.items():
        try:
            found[prices.resolve(name).model.name] = tokens
        except CatalogError as error:
            sheet.say(("defer", "enqueued", name), f"expected a model of the catalog: {error}")
        if tokens < 1:
            sheet.say(("defer", "enqueued", name), f"expected tokens from 1, found {tokens}")
    return found
