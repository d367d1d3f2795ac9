"""`tierwise living`: what each rule is worth today."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tierwise.cli._ledger import DEFAULT, Url, iso, opened
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.ledger import Living, Money, Quality, Raised


def living(
    rule: Annotated[str | None, typer.Option(help="Only this rule.", metavar="NAME")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only calls since this UTC day.", metavar="YYYY-MM-DD")
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals, each by itself.", min=0.5, max=0.999)
    ] = 0.95,
    ledger: Url = DEFAULT,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with both ends of the intervals.")] = False,
) -> None:
    r"""Say what each rule is worth: dollars saved and quality, by the sessions that it holds back.

    The intervals hold however often they are looked at.

    \b
    Examples:
      tierwise living
      tierwise living --rule "ticket triage" --json
    """
    from tierwise.ledger import alarms_in, rules_of
    from tierwise.ledger import living as found_of

    day = iso(since)
    start = int(dt.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1e6) if day else 0
    today = dt.datetime.now(dt.UTC).date()
    with opened(ledger) as found:
        names = rules_of(found.engine)
        if rule is not None and rule not in names:
            known = ", ".join(names) or "none"
            raise CallerError(
                f"expected a rule that has decided calls at stage 'on' ({known}), got {rule!r:.60}"
            )
        bound = Decimal(str(confidence))
        each = [
            found_of(found.engine, name, since=start, confidence=bound)
            for name in ([rule] if rule is not None else names)
        ]
        alarms = {name: one for name, one in alarms_in(found.flags()).items() if not one.lifted}
    if json:
        import msgspec

        told = [_plain(one, alarms) for one in each]
        content = {"as_of": today.isoformat(), "confidence": confidence, "rules": told}
        typer.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
        return
    if not each:
        typer.echo("no rule has decided calls at stage 'on' yet")
    for one in each:
        for line in _lines(one, alarms, today):
            typer.echo(line)


def _lines(one: Living, alarms: dict[str, Raised], today: dt.date) -> list[str]:
    quality = one.quality[0] if one.quality else None
    lines = [f"{one.rule}: {_money(one.money)}, {_quality(quality)}, as of {today.isoformat()}"]
    sides = one.sides
    if not sides.calls:
        lines.append("  no call of it was drawn for a holdback yet")
    else:
        began = dt.datetime.fromtimestamp((one.since or 0) / 1e6, dt.UTC).date()
        lines.append(
            f"  {sides.routed:,} calls routed in {sides.routed_sessions:,} sessions, {sides.held:,} held back in "
            f"{sides.held_sessions:,}, since {began.isoformat()}; holding back cost {one.money.forgone:.2f} dollars as expected"
        )
        if sides.few is not None:
            lines.append(f"  too few for intervals: {sides.few}")
    lines += [f"  {_quality(other)}" for other in one.quality[1:]]
    if one.unpriced:
        lines.append(f"  {one.unpriced:,} calls have no known cost and are not in the dollars")
    for workload, raised in sorted(alarms.items()):
        if raised.rule == one.rule:
            lines.append(f"  alarm: workload {workload} goes as asked until it is proved again: {raised.why}")
            lines.append(f"  to route it all the same: tierwise on --workload {workload}")
    return lines


def _money(money: Money) -> str:
    if money.measured and money.lower is not None and money.upper is not None:
        off = max(money.saved - money.lower, money.upper - money.saved)
        return f"saved {money.saved:.2f} ± {off:.2f} dollars"
    return f"saved about {money.saved:.2f} dollars as expected, not measured yet"


def _quality(quality: Quality | None) -> str:
    if quality is None:
        return "quality not known: no answer was scored"
    named = f"({quality.name})"
    if quality.estimate is None:
        sides = quality.sides
        return f"quality not known {named}: {sides.routed:,} routed and {sides.held:,} held-back calls were scored"
    if quality.lower is None or quality.upper is None:
        return f"quality about {100 * quality.estimate:+.1f} points {named}, from {quality.sides.few}"
    off = max(quality.estimate - quality.lower, quality.upper - quality.estimate)
    return f"quality {100 * quality.estimate:+.1f} ± {100 * off:.1f} points {named}"


def _plain(one: Living, alarms: dict[str, Raised]) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(one)
    told["alarms"] = {
        workload: raised.why for workload, raised in sorted(alarms.items()) if raised.rule == one.rule
    }
    return told
