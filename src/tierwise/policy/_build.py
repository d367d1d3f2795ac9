"""From the tables of a file to a Policy: words become models, ladders, durations and evidence."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

import msgspec

from tierwise.catalog import Catalog, Ladder
from tierwise.errors import CatalogError, ConfigurationError
from tierwise.policy._build_defer import defer_of
from tierwise.policy._build_scorer import scoring_of
from tierwise.policy._certificate import Certificate, certificate_digest
from tierwise.policy._file import (
    CascadeTable,
    DefaultTable,
    MatchTable,
    PolicyFile,
    RuleTable,
    RungTable,
    milliseconds,
    words,
)
from tierwise.policy._keep import MOST_PATTERNS, NAME, REDACTIONS, Keep, unsafe
from tierwise.policy._learned import Learned, learned_digest, parse_learned, read_learned
from tierwise.policy._lengths import Rung
from tierwise.policy._lines import Path
from tierwise.policy._problems import Sheet
from tierwise.policy._proof import evidence_digest
from tierwise.policy._proposal import EFFORTS
from tierwise.policy._types import (
    Bar,
    CacheSettings,
    Cascade,
    Evidence,
    Fallback,
    Limits,
    Match,
    Policy,
    Rule,
    ToolSettings,
)
from tierwise.workloads import key_id, read_key

T = TypeVar("T")
DEFAULT_NAME: Final = "default"
"""What decisions call the [default] table."""
LARGEST_EVIDENCE: Final = 1_000_000
"""Bytes of an evidence file; more is none."""


class Builder:
    """Builds rules and the policy of one file, noting what does not hold."""

    def __init__(
        self, sheet: Sheet, prices: Catalog, folder: FilePath, margin: Decimal = Bar().margin
    ) -> None:
        """`folder` is where evidence paths start, `margin` the bar's."""
        self.sheet, self.prices, self._folder, self._margin = sheet, prices, folder, margin
        self.key = b""
        """The owner's key, once `policy` has read it."""
        self.fallback: tuple[Fallback, ...] = ()
        """Where calls go that upstream has no room for, for rules that do not say."""
        self.learned: Learned | None = None
        """What an audit learned, once `policy` has read it."""
        self.scorers: dict[str, bytes] = {}
        """Files of the scorers that rules name, by digest."""

    def policy(self, top: PolicyFile, rules: tuple[Rule, ...], default: Rule) -> Policy | None:
        """The policy of read rules; None where ladder or baseline do not hold."""
        ladder = self._ladder(top)
        baseline = self.rung(top.baseline, ("baseline",)) if top.baseline is not None else None
        if top.baseline is not None and (baseline is None or not self._named_model(baseline)):
            return None
        if ladder is None:
            return None
        approved = self._approved(top)
        if baseline is not None and approved is not None and self._family(baseline.model) not in approved:
            self.sheet.say(("baseline",), f"{baseline.model} is not among the approved models of [limits]")
        limits = Limits(
            models=approved,
            zero_retention=top.limits.zero_retention,
            residency=top.limits.residency,
        )
        keep, defer = self._keep(top), defer_of(top, self.prices, self.sheet)
        return Policy(
            name=top.name,
            ladder=ladder,
            rules=(*rules, default),
            limits=limits,
            margin=top.switch.margin,
            session_margin=top.switch.session,
            bar=Bar(margin=top.bar.margin, measure=top.bar.measure, confidence=top.bar.confidence),
            baseline=baseline,
            trusts=frozenset(words(top.trusts)),
            learned=self._learned(top),
            key_id=key_id(self.key),
            keep=keep if keep is not None else msgspec.UNSET,
            defer=defer if defer is not None else msgspec.UNSET,
        )

    def _keep(self, top: PolicyFile) -> Keep | None:
        """What text is kept; None for none, and with a problem noted where it may not be."""
        table = top.keep
        if len(table.patterns) > MOST_PATTERNS:
            said = f"expected at most {MOST_PATTERNS} patterns, found {len(table.patterns)}"
            self.sheet.say(("keep", "patterns"), said)
            return None
        for name, pattern in table.patterns.items():
            path = ("keep", "patterns", name)
            if NAME.fullmatch(name) is None or name in REDACTIONS:
                self.sheet.say(path, "expected a name of its own in small letters, digits, _ and -")
            elif (why := unsafe(pattern)) is not None:
                self.sheet.say(path, f"expected a pattern that is safe to run, found {pattern!r:.60}: {why}")
        if table.text == "off":
            return None
        if top.limits.zero_retention:
            said = f"expected 'off' under limits.zero_retention, found {table.text!r}: it stores bodies"
            self.sheet.say(("keep", "text"), said)
        for number, workload in enumerate(words(table.workloads)):
            if re.fullmatch("[0-9a-f]{16}", workload) is None:
                where = (
                    ("keep", "workloads")
                    if isinstance(table.workloads, str)
                    else ("keep", "workloads", number)
                )
                self.sheet.say(where, f"expected a fingerprint of 16 hex digits, found {workload!r:.60}")
        if table.retention is None:
            self.sheet.say(
                ("keep",), "expected the key 'retention', days that text is kept, found none; add it"
            )
            return None
        return Keep(
            text=table.text,
            workloads=frozenset(words(table.workloads)),
            share=table.share,
            redact=frozenset(_several(table.redact)),
            patterns=table.patterns,
            retention=table.retention,
        )

    def _learned(self, top: PolicyFile) -> str | None:
        """Digest of the file of what was learned; file and key are kept."""
        if top.key is not None:
            try:
                self.key = read_key(self._folder / top.key)
            except ConfigurationError as error:
                self.sheet.say(("key",), f"expected your key: {error}")
                return None
        if top.learned is None:
            return None
        try:
            content = read_learned(self._folder / top.learned)
            self.learned = parse_learned(content, top.learned)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.sheet.say(
                ("learned",), f"expected a file at {top.learned!r}, found none that reads: {reason}"
            )
            return None
        except ConfigurationError as error:
            self.sheet.say(("learned",), str(error))
            return None
        if self.learned.key_id != key_id(self.key):
            which = "another key" if top.key is not None else "a key; name it with key = FILE"
            self.sheet.say(("learned",), f"{top.learned!r} was learned under {which}")
        return learned_digest(content)

    def rule(self, table: RuleTable, path: Path) -> Rule:
        """A rule of its table."""
        return self._settings(table, path, name=table.name, match=_match(table.match))

    def default(self, table: DefaultTable) -> Rule:
        """The rule for calls that no other matches."""
        return self._settings(table, ("default",), name=DEFAULT_NAME, match=Match())

    def rung(self, given: str | RungTable, path: Path) -> Rung | None:
        """A rung by the catalog; None, noted, for a model or effort there is not."""
        table = RungTable(model=given) if isinstance(given, str) else given
        model = table.model
        if model is not None:
            try:
                known = self.prices.resolve(model).model
            except CatalogError as error:
                self.sheet.say((*path, "model"), f"expected a model of the catalog: {error}")
                return None
            offered = known.efforts
        else:
            offered = EFFORTS
        if table.effort is not None and table.effort not in offered:
            said = ", ".join(offered) or "none at all"
            self.sheet.say(
                (*path, "effort"),
                f"expected an effort that {model or 'a model'} offers ({said}), found {table.effort!r}",
            )
            return None
        return Rung(model=model or "", effort=table.effort)

    def _settings(self, table: DefaultTable, path: Path, *, name: str, match: Match) -> Rule:
        rung = self.rung(table.rung, (*path, "rung")) if table.rung is not None else None
        if rung is not None and not rung.model and rung.effort is None:
            self.sheet.say((*path, "rung"), "expected a model, an effort or both, found neither")
        return Rule(
            name=name,
            match=match,
            model=(rung.model or None) if rung is not None else None,
            effort=rung.effort if rung is not None else None,
            verbosity=table.verbosity,
            lanes=frozenset(_several(table.lanes)),
            deadline=milliseconds(table.deadline) // 1000 if table.deadline is not None else None,
            cache=CacheSettings(**msgspec.structs.asdict(table.cache)),
            tools=ToolSettings(**msgspec.structs.asdict(table.tools)),
            cascade=self._cascade(table.cascade, (*path, "cascade")),
            fallback=self.fallback if table.fallback is None else _several(table.fallback),
            max_latency=milliseconds(table.max_latency) if table.max_latency is not None else None,
            may_drop=frozenset(_several(table.may_drop)),
            through_responses=table.through_responses,
            stage=table.stage,
            share=table.share,
            holdback=table.holdback,
            holdback_cap=table.holdback_cap,
            unproven=table.unproven,
            evidence=self._evidence(table, path),
            owner=table.owner,
            approved_by=table.approved_by,
            since=table.since,
            scorer=scoring_of(table.scorer, (*path, "scorer"), self._folder, self._margin, self),
        )

    def _cascade(self, table: CascadeTable | None, path: Path) -> Cascade | None:
        if table is None:
            return None
        return Cascade(
            risk=table.risk,
            checks=table.checks,
            to=self.rung(table.to, (*path, "to")) if table.to is not None else None,
            offer=table.offer,
            stream=table.stream,
            certificate=self._certificate(table.certificate, (*path, "certificate")),
        )

    def _certificate(self, name: str | None, path: Path) -> Certificate | None:
        found = self._sealed(name, path, Certificate, "a certificate") if name is not None else None
        if found is not None and found.digest != certificate_digest(found):
            self.sheet.say(
                path, f"the certificate {name!r} was changed after it was made: its digest does not match"
            )
            return None
        return found

    def _ladder(self, top: PolicyFile) -> Ladder | None:
        if isinstance(top.ladder, str):
            try:
                return self.prices.ladder(top.ladder)
            except ConfigurationError as error:
                self.sheet.say(("ladder",), f"expected a ladder's name or a table with models: {error}")
                return None
        models = [self._canonical(m, ("ladder", "models", i)) for i, m in enumerate(top.ladder.models)]
        if None in models:
            return None
        if len(set(models)) != len(models):
            self.sheet.say(("ladder", "models"), "expected four different models, found one twice")
            return None
        return Ladder(name=top.ladder.name, models=tuple(models))  # type: ignore[arg-type] # four, none None

    def _approved(self, top: PolicyFile) -> frozenset[str] | None:
        if top.limits.approved is None:
            return None
        names = (self._canonical(m, ("limits", "approved", i)) for i, m in enumerate(top.limits.approved))
        return frozenset(name for name in names if name is not None)

    def _family(self, name: str) -> str:
        return self.prices.resolve(name).model.name

    def _canonical(self, name: str, path: Path) -> str | None:
        try:
            return self.prices.resolve(name).model.name
        except CatalogError as error:
            self.sheet.say(path, f"expected a model of the catalog: {error}")
            return None

    def _named_model(self, rung: Rung) -> bool:
        if not rung.model:
            self.sheet.say(("baseline",), "expected a model, found none")
        return bool(rung.model)

    def _evidence(self, table: DefaultTable, path: Path) -> tuple[Evidence, ...]:
        read = []
        several = not isinstance(table.evidence, str)
        for number, name in enumerate(words(table.evidence)):
            where = (*path, "evidence", number) if several else (*path, "evidence")
            evidence = self._read_evidence(name, where)
            if evidence is not None:
                read.append(evidence)
        return tuple(read)

    def _read_evidence(self, name: str, path: Path) -> Evidence | None:
        evidence = self._sealed(name, path, Evidence, "an evidence")
        if evidence is None:
            return None
        if evidence.digest != evidence_digest(evidence):
            self.sheet.say(
                path, f"the evidence {name!r} was changed after its proof: its digest does not match"
            )
            return None
        return msgspec.structs.replace(evidence, proof=msgspec.UNSET)

    def _sealed(self, name: str, path: Path, kind: type[T], words: str) -> T | None:
        """What a file beside the policy holds; None, noted, where there is none that reads."""
        file = self._folder / name
        try:
            data = file.read_bytes() if file.stat().st_size <= LARGEST_EVIDENCE else b""
            return msgspec.json.decode(data, type=kind)
        except (OSError, ValueError) as error:
            # No such file, a folder, a name that no file can have.
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.sheet.say(path, f"expected {words} file at {name!r}, found none that reads: {reason}")
            return None


def _match(table: MatchTable) -> Match:
    tools: Any = table.tools
    return Match(
        workloads=frozenset(words(table.workload)),
        tasks=frozenset(_several(table.task)),
        depths=frozenset(_several(table.depth)),
        roles=frozenset(_several(table.role)),
        endpoints=frozenset(_several(table.endpoint)),
        models=frozenset(name.strip().lower() for name in words(table.model)),
        tags=frozenset(words(table.tags)),
        metadata={key: frozenset(words(value)) for key, value in table.metadata.items()},
        tools=tools if isinstance(tools, bool) else None,
        tool_names=frozenset() if isinstance(tools, bool) else frozenset(words(tools)),
    )


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else value
