"""The policy in front of OpenAI: an OpenAI-compatible endpoint on the same pipeline as the client.

In: HTTP requests as OpenAI's SDKs send them, with a gateway key or a key of the caller's own. Out:
OpenAI's replies, each call decided, priced and written down before its last byte leaves.
"""

from __future__ import annotations

from tierwise.gateway._logs import LEVELS, Form, logging_to, scrub
from tierwise.gateway._lookout import Alerting
from tierwise.gateway._run import Options, Serving, serving
from tierwise.gateway._settings import Settings
from tierwise.gateway._watch import traces_by_environment
from tierwise.gateway._work import Work, WorkOptions, work_of

__all__ = [
    "LEVELS",
    "Alerting",
    "Form",
    "Options",
    "Serving",
    "Settings",
    "Work",
    "WorkOptions",
    "logging_to",
    "scrub",
    "serving",
    "traces_by_environment",
    "work_of",
]
