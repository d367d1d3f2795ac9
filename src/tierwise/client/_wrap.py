"""`wrap`: the caller's own OpenAI client, with every call decided before it is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tierwise.catalog import Catalog
from tierwise.client._labels import current
from tierwise.client._transport import followed, pipeline_of
from tierwise.errors import CallerError, ConfigurationError
from tierwise.online import FileRecorder, MemoryRecorder, Pipeline, Recorder, scorers_of
from tierwise.policy import OWN_SCORER, Live, Policy, Scorer, load_live
from tierwise.workloads import key_id, make_key, read_key

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    Client = TypeVar("Client", bound=OpenAI | AsyncOpenAI)
else:
    Client = TypeVar("Client")

POLICY: Final = "tierwise.toml"
"""Where the policy is looked for when none is named, unless TIERWISE_POLICY says otherwise."""


def wrap(
    client: Client,
    *,
    policy: Policy | Path | str | None = None,
    observe: bool = False,
    record: Recorder | Path | str | None = None,
    key: bytes | Path | str | None = None,
    names: bool = False,
    caller: str | None = None,
    project: str | None = None,
    prices: Path | str | None = None,
    residency: bool = False,
    scorer: Scorer | None = None,
) -> Client:
    """The same client, its Chat Completions and Responses calls sent where the policy says.

    A copy that shares the connections, keys and settings of the one given; all of its methods
    work as they did, streaming or not. Calls that ask for model 'auto' go to the policy's
    baseline or below. Where deciding fails, a call goes as asked and the record says why. Every
    call to a model is recorded, with its usage and cost.

        client = tierwise.wrap(OpenAI())
        client.responses.create(model="auto", input="...")
        tierwise.recorder(client).saved

    Args:
        client: An `openai.OpenAI` or `openai.AsyncOpenAI`. Of Azure's clients calls are recorded,
            never moved: there a model is an address.
        policy: The policy, or its file; TIERWISE_POLICY or ./tierwise.toml otherwise.
        observe: Change no call, only record. Takes no policy.
        record: A recorder, or a file to append to; in memory otherwise.
        key: The owner's key for digests, or its file. By default the policy's; for a record file
            FILE.key beside it, made at first use. Keep it: without it records cannot be told apart
            from guesses, and digests of two keys cannot be compared.
        names: Whether the record keeps names of tools and the first words of instructions.
        caller: Who calls, e.g. 'key:jobs', for policies that trust its hints.
        project: The project that calls are recorded under.
        prices: Overrides: prices, discounts, aliases, ladders.
        residency: Whether the client's address is a data-residency endpoint, which costs more; a policy
            with `limits.residency` says so by itself.
        scorer: What rules with `scorer = "own"` ask of each call: for a `tierwise.calls.Request` and its facts
            a `tierwise.policy.Scored`.

    Raises:
        CallerError: Not such a client, or options that contradict each other.
        ConfigurationError: No policy, one that does not hold, or whose scorer is not at hand; a key or record file that cannot be used.
    """
    inner = getattr(client, "_client", None)
    if inner is None or not hasattr(client, "with_options"):
        raise CallerError(
            f"expected an openai.OpenAI or openai.AsyncOpenAI client, got {type(client).__name__}"
        )
    if observe and policy is not None:
        raise CallerError("expected a policy or observe=True, got both; observing routes nothing")
    catalog = Catalog.open(Path(prices) if prices is not None else None)
    azure = type(client).__name__.endswith("AzureOpenAI")
    live = None if observe or azure else _live(policy, catalog)
    pipeline = Pipeline(
        catalog,
        _recorder(record),
        policy=live.policy if live is not None else None,
        learned=live.learned if live is not None else None,
        key=_key(key, live, record),
        names=names,
        callers=frozenset({caller}) if caller else frozenset(),
        project=project,
        residency=residency,
        scorers=_scorers(live, scorer),
    )
    copied: Any = client.with_options(http_client=followed(inner, pipeline, current))
    return copied  # type: ignore[no-any-return]  # the SDK's copy has the type of the original


def recorder(client: Any) -> Recorder:
    """The recorder of a wrapped client. Raises CallerError for a client that is not wrapped."""
    pipeline = pipeline_of(getattr(client, "_client", None))
    if pipeline is None:
        raise CallerError("expected a client that tierwise.wrap returned, got another")
    return pipeline.recorder


def _live(policy: Policy | Path | str | None, catalog: Catalog) -> Live:
    if isinstance(policy, Policy):
        return Live(policy=policy)
    path = Path(policy or os.environ.get("TIERWISE_POLICY") or POLICY)
    if not path.exists():
        raise ConfigurationError(
            f"{path}: expected a policy, found no file; write one with `tierwise policy init`, "
            "or wrap(client, observe=True) to record calls first"
        )
    return load_live(path, catalog)


def _scorers(live: Live | None, own: Scorer | None) -> dict[str, Scorer]:
    """Those of the policy, and the caller's own: each that a rule asks is there, and `own` is asked by one."""
    asked = {
        rule.scorer.scorer: rule.name
        for rule in (live.policy.rules if live is not None else ())
        if rule.scorer is not None and rule.stage != "off"
    }
    if own is not None and OWN_SCORER not in asked:
        raise CallerError('expected a rule with scorer = "own" beside scorer=..., found none in the policy')
    found = scorers_of(live, own)
    for scorer, rule in asked.items():
        if scorer not in found:
            remedy = "pass scorer=..." if scorer == OWN_SCORER else "pass the policy's file, which names it"
            raise ConfigurationError(
                f"rule {rule!r} asks scorer {scorer:.12}, which is not at hand: {remedy}"
            )
    return found


def _recorder(record: Recorder | Path | str | None) -> Recorder:
    if record is None:
        return MemoryRecorder()
    return FileRecorder(record) if isinstance(record, str | Path) else record


def _key(key: bytes | Path | str | None, live: Live | None, record: Recorder | Path | str | None) -> bytes:
    if key is not None:
        given = key if isinstance(key, bytes) else read_key(Path(key))
        if live is not None and live.policy.key_id not in {"", key_id(given)}:
            raise ConfigurationError(
                "expected the key that the policy's workloads are named under, got another; "
                "leave key out to take the policy's own"
            )
        return given
    if live is not None:
        return live.key
    if not isinstance(record, str | Path):
        return b""
    beside = Path(f"{record}.key")
    return read_key(beside) if beside.exists() else make_key(beside)
