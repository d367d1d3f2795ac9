"""The policy in front of OpenAI: an OpenAI-compatible endpoint on the same pipeline as the client.

In: HTTP requests as OpenAI's SDKs send them, with a gateway key or a key of the caller's own. Out:
OpenAI's replies, each call decided, priced and written down before its last byte leaves.
"""

from __future__ import annotations

from tierwise.gateway._run import Options, Serving, serving
from tierwise.gateway._settings import Settings

__all__ = ["Options", "Serving", "Settings", "serving"]
