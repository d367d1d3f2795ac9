"""The pipeline that a live call goes through, in process or behind the gateway.

In: a request as bytes, with its path and headers. Out: what to send, and then what to answer, with the
call decided, priced and recorded. Steps are plain functions; only the send waits.
"""

from __future__ import annotations

from tierwise.online._admit import admit, creates, seconds
from tierwise.online._course import Course
from tierwise.online._defer import PREFIXES, Deferred, entry_of, new_id
from tierwise.online._elsewhere import Sent
from tierwise.online._expect import ASSUMED_OUTPUT, ASSUMED_REASONING, expected_use, input_tokens, stated
from tierwise.online._keeper import Keeper
from tierwise.online._memory import Memory
from tierwise.online._price import tokens_as_asked
from tierwise.online._recorders import FileRecorder, MemoryRecorder
from tierwise.online._reply import refusal
from tierwise.online._scored import scored, scorers_of
from tierwise.online._shown import queued, shown
from tierwise.online._values import (
    Admitted,
    Answer,
    Asked,
    Entry,
    Gate,
    Labels,
    Later,
    Passing,
    Recorder,
    Reply,
    Routed,
    Watch,
)
from tierwise.online._watched import NOTHING_WATCHED, Watched
from tierwise.online.pipeline import CARRIED, Pipeline

__all__ = [
    "ASSUMED_OUTPUT",
    "ASSUMED_REASONING",
    "CARRIED",
    "NOTHING_WATCHED",
    "PREFIXES",
    "Admitted",
    "Answer",
    "Asked",
    "Course",
    "Deferred",
    "Entry",
    "FileRecorder",
    "Gate",
    "Keeper",
    "Labels",
    "Later",
    "Memory",
    "MemoryRecorder",
    "Passing",
    "Pipeline",
    "Recorder",
    "Reply",
    "Routed",
    "Sent",
    "Watch",
    "Watched",
    "admit",
    "creates",
    "entry_of",
    "expected_use",
    "input_tokens",
    "new_id",
    "queued",
    "refusal",
    "scored",
    "scorers_of",
    "seconds",
    "shown",
    "stated",
    "tokens_as_asked",
]
