"""The proxy's model entries: which OpenAI model stands behind a name, and which name a model goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

AUTO: Final = "auto"
"""An entry of this name is asked about as it is: the policy says which model it means."""
_PROVIDERS: Final = frozenset({"", "openai", "azure"})
_EVERY: Final = frozenset({"*", "all-proxy-models", "all-team-models"})
"""Words in a key's models that stand for all of them."""


class Entries:
    """Names and models of a `model_list`, as LiteLLM's router holds it.

    Args:
        deployments: Each with 'model_name', 'litellm_params' and 'model_info'. Those of one team and
            those with a wildcard are left out.
    """

    def __init__(self, deployments: Iterable[Mapping[str, Any]]) -> None:
        self._models: dict[str, str | None] = {}
        for deployment in deployments:
            name, info = str(deployment.get("model_name")), deployment.get("model_info") or {}
            if info.get("team_id") or "*" in name:
                continue
            model = model_of(deployment.get("litellm_params") or {}, info)
            # A name with several models behind it stands for none of them.
            self._models[name] = model if self._models.get(name, model) == model else None

    def model(self, name: str) -> str | None:
        """The one OpenAI model behind a name; None where there is none."""
        return AUTO if name == AUTO and AUTO in self._models else self._models.get(name)

    def name(self, model: str, asked: str) -> str | None:
        """The name that a model goes by, for a call that asked for another; None where it has none."""
        if asked != AUTO and self._models.get(asked) == model:
            return asked
        if self._models.get(model) == model:
            return model
        names = (name for name, behind in self._models.items() if behind == model and name != AUTO)
        return next(names, None)


def model_of(params: Mapping[str, Any], info: Mapping[str, Any]) -> str | None:
    """OpenAI's name of a deployment's model; None for another provider's."""
    named = str(info.get("base_model") or params.get("model") or "")
    provider, _, model = named.rpartition("/")
    return model if provider in _PROVIDERS and model else None


def may(key: Any, name: str) -> bool:
    """Whether a LiteLLM key may use an entry, by the lists that stand on it.

    Access groups are not looked into: a key that is let in by one alone may not.
    """
    for field in ("models", "team_models"):
        listed = getattr(key, field, None) or ()
        if listed and name not in listed and _EVERY.isdisjoint(listed):
            return False
    return True
