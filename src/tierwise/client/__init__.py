"""The pipeline around the caller's own OpenAI client.

In: an `openai.OpenAI` or `AsyncOpenAI`. Out: one like it whose calls are decided before they are
made, priced and recorded after. `labels` says what calls are for.
"""

from __future__ import annotations

from tierwise.client._labels import labels
from tierwise.client._recording import child_environment, record_clients
from tierwise.client._wrap import recorder, wrap

__all__ = ["child_environment", "labels", "record_clients", "recorder", "wrap"]
