"""The pipeline that a live call goes through, in process or behind the gateway.

In: a request as bytes, with its path and headers. Out: what to send, and then what to answer, with the
call decided, priced and recorded. Steps are plain functions; only the send waits.
"""

from __future__ import annotations

__all__: list[str] = []
