"""The hook for LiteLLM's proxy, named in its config.yaml.

    litellm_settings:
      callbacks: tierwise.integrations.litellm.hook

It reads TIERWISE_URL (the gateway, 'http://127.0.0.1:8100/v1') and TIERWISE_KEY (a gateway key) when
`hook` is first asked for; importing this module does nothing.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from tierwise.errors import ConfigurationError

# `hook` is made when it is asked for.
__all__ = ["hook"]  # noqa: F822


def __getattr__(name: str) -> Any:
    """`hook`, made once. Raises ConfigurationError where the environment does not say whom to ask."""
    if name != "hook":
        raise AttributeError(f"module 'tierwise.integrations.litellm' has no attribute {name!r}")
    return _hook()


@cache
def _hook() -> Any:
    url, key = os.environ.get("TIERWISE_URL", ""), os.environ.get("TIERWISE_KEY", "")
    if not url.startswith(("http://", "https://")) or not key:
        raise ConfigurationError(
            "expected TIERWISE_URL (such as http://127.0.0.1:8100/v1) and TIERWISE_KEY (tw-...) in the "
            "environment of LiteLLM's proxy; make a key with: tierwise keys create litellm"
        )
    from tierwise.integrations._hook import Hook
    from tierwise.integrations._service import Service

    return Hook(Service(url, key))
