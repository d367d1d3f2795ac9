"""The endpoints, and the ways a call ends."""

from __future__ import annotations

from typing import Literal

Endpoint = Literal["chat", "responses", "embeddings", "completions", "decisions", "other"]
"""Which OpenAI endpoint was called; 'other' is any path without token-level meaning here."""

Status = Literal["ok", "incomplete", "error", "abandoned", "unknown"]
"""How a call ended.

'incomplete' was cut by a cap or a filter; 'abandoned' was cancelled or left by its caller;
'unknown' is a record that does not tell.
"""
