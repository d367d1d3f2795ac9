"""From a model name as logs write it to one model, or a named refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches

import msgspec

from tierwise.catalog._genai import Published
from tierwise.catalog._layer import Layer
from tierwise.catalog._models import How, Model, Resolution
from tierwise.errors import UnknownModel

_LONGEST = 200
_PREFIXES = ("openrouter/openai/", "openai/", "openai:", "models/")
_AZURE = ("azure/", "azure_ai/", "azure_openai/", "azure:")
_DATED = re.compile(r"(.+)-(\d{4})-?(\d{2})-?(\d{2})")
_TUNED = re.compile(r"ft:([^:]+)(?::.*)?|(.+)\.ft-.*", re.DOTALL)


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A resolution, and the names to look its price up under, best first."""

    resolution: Resolution
    keys: tuple[str, ...]

    @property
    def spelled(self) -> tuple[str, ...]:
        """The names an owner's price may be under: as asked, then the model's own."""
        return (self.resolution.asked.strip().lower(), self.keys[0], self.resolution.model.name)


class Names:
    """Every spelling that leads to a model: ours, the owner's, and those of genai-prices."""

    def __init__(
        self, layer: Layer, published: Published, aliases: Mapping[str, str], extra: frozenset[str]
    ) -> None:
        self._layer = layer
        self._published = published
        self._aliases = aliases
        self._models: dict[str, Model] = dict(layer.models)
        for name in sorted(extra):
            if name not in aliases and self._plain(name, name) is None:
                self._models[name] = Model(name=name, known=False, source="overrides file")

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model of our data and of the owner's prices."""
        return tuple(self._models.values())

    def resolve(self, asked: str) -> Named:
        """The model that `asked` means.

        Raises:
            UnknownModel: nothing by that name; the message has the nearest names.
        """
        name = asked.strip().lower()
        if not name or len(name) > _LONGEST:
            raise UnknownModel(f"expected a model name of 1 to {_LONGEST} characters, got {asked!r:.60}")
        found = self._find(asked, name)
        if found is None:
            raise UnknownModel(self._unknown(asked, name))
        return found

    def _find(self, asked: str, name: str) -> Named | None:
        if target := self._aliases.get(name):
            return self._through(asked, target, "alias", f"your alias for {target}")
        if (found := self._plain(asked, name)) is not None:
            return found
        for prefix in _PREFIXES:
            if (
                name.startswith(prefix)
                and (inner := self._find(asked, name.removeprefix(prefix))) is not None
            ):
                return _as(inner, "prefix")
        for prefix in _AZURE:
            if (
                name.startswith(prefix)
                and (inner := self._find(asked, name.removeprefix(prefix))) is not None
            ):
                note = f"read as {inner.resolution.model.name} at OpenAI's list price; a deployment may hold another"
                return _as(inner, "azure", note)
        return None

    def _plain(self, asked: str, name: str) -> Named | None:
        if name in self._models:
            return self._named(asked, name, "exact", None)
        if tuned := _TUNED.fullmatch(name):
            return self._tuned(asked, tuned[1] or tuned[2])
        if name in self._layer.azure:
            target = self._layer.azure[name]
            return self._named(asked, target, "azure", f"priced as {target}, OpenAI's list")
        if name in self._layer.aliases:
            target = self._layer.aliases[name]
            how: How = "snapshot" if name.startswith(f"{target}-2") else "alias"
            return self._named(asked, target, how, f"priced as {target}")
        if dated := self._snapshot(name):
            base, listed = dated
            note = f"priced as {base}" if listed else f"priced as {base}; this snapshot is not in our data"
            return self._named(asked, base, "snapshot", note)
        return self._elsewhere(asked, name)

    def _snapshot(self, name: str) -> tuple[str, bool] | None:
        """The family of a dated name and whether we list that date; None where it would be a guess."""
        if not (dated := _DATED.fullmatch(name)):
            return None
        base = self._layer.aliases.get(dated[1], dated[1])
        row, model = self._layer.rows.get(base), self._models.get(base)
        try:
            day = date(int(dated[2]), int(dated[3]), int(dated[4]))
        except ValueError:
            return None
        if row is None or model is None:
            return None
        if (own := f"{base}-{day.isoformat()}") in self._models:
            return own, True
        listed = day.isoformat() in row.snapshots
        early = model.released is not None and day < model.released
        return None if not listed and (row.only_snapshots or early) else (base, listed)

    def _tuned(self, asked: str, base: str) -> Named | None:
        inner = self._plain(asked, base)
        if inner is None:
            return None
        model = inner.resolution.model
        note = f"fine-tuned {model.name}, priced at the fine-tuned rates"
        row = self._layer.rows.get(model.name)
        only = row.snapshots if row is not None and len(row.snapshots) == 1 else ()
        keys = (f"ft:{base}", f"ft:{model.name}", *(f"ft:{model.name}-{snapshot}" for snapshot in only))
        resolution = Resolution(model=model, asked=asked, how="fine-tune", note=note)
        return Named(resolution=resolution, keys=keys)

    def _elsewhere(self, asked: str, name: str) -> Named | None:
        """A name that only genai-prices knows: priced, its capabilities unknown."""
        info = self._published.find(name)
        if info is None:
            return None
        model = Model(name=name, context=info.context_window, known=False, source="genai-prices")
        note = "capabilities unknown" if info.id == name else f"priced as {info.id}; capabilities unknown"
        how: How = "exact" if info.id == name else "alias"
        return Named(resolution=Resolution(model=model, asked=asked, how=how, note=note), keys=(name,))

    def _through(self, asked: str, target: str, how: How, note: str) -> Named | None:
        inner = self._plain(asked, target.lower())
        return None if inner is None else _as(inner, how, note)

    def _named(self, asked: str, name: str, how: How, note: str | None) -> Named:
        resolution = Resolution(model=self._models[name], asked=asked, how=how, note=note)
        return Named(resolution=resolution, keys=(name,))

    def _unknown(self, asked: str, name: str) -> str:
        near = get_close_matches(name, sorted(set(self._spellings())), n=3, cutoff=0.6)
        hint = f"nearest: {', '.join(near)}" if near else "no name is near"
        return (
            f"no model is called {asked!r:.80}; {hint}; "
            "name it in the overrides file with an [[alias]] or a [[price]]"
        )

    def _spellings(self) -> Iterator[str]:
        yield from self._models
        yield from self._aliases
        yield from self._layer.aliases


def _as(inner: Named, how: How, note: str | None = None) -> Named:
    old = inner.resolution
    # An inner 'fine-tune' or 'alias' says more than the prefix around it.
    kept = old.how if how == "prefix" and old.how != "exact" else how
    said = note or old.note or f"priced as {old.model.name}"
    return Named(
        resolution=Resolution(model=old.model, asked=old.asked, how=kept, note=said),
        keys=inner.keys,
    )
