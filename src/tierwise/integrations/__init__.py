"""What other gateways load so that tierwise decides calls that they send: LiteLLM's hook.

In: another program's call, before it goes and when it is over. Out: that call changed as the decision
service says, or untouched. Nothing here needs more than the standard library and what the other
program brings; no other room of tierwise is loaded.
"""

from __future__ import annotations

__all__: list[str] = []
