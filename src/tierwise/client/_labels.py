"""What a program says of its calls, for as long as a block of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from tierwise.errors import CallerError
from tierwise.online import Labels
from tierwise.workloads import DEPTHS, ROLES, TASKS

_WORDS = {"task": TASKS, "depth": DEPTHS, "role": ROLES}
_NONE = Labels()
_CURRENT: ContextVar[Labels] = ContextVar("tierwise_labels", default=_NONE)


@contextmanager
def labels(**given: object) -> Iterator[Labels]:
    """Say of every call in the block what it is for.

    Blocks nest: what an inner one does not set stays. Threads started inside begin without
    labels, tasks keep them. Task, depth, role and workload are hints, which count only where the
    policy trusts the caller; the others go into the record and the decision.

        with tierwise.labels(workload="invoices", session=thread_id, trace=run_id):
            client.responses.create(...)

    Args:
        given: Fields of `Labels`: task, depth, role, workload, session, trace, span, parent, name,
            tags, project, deadline (seconds), route (False lets calls go as asked).

    Raises:
        CallerError: A name that is no label, or a word that is none of its kind.
    """
    unknown = sorted(given.keys() - set(Labels.__struct_fields__))
    if unknown:
        known = ", ".join(Labels.__struct_fields__)
        raise CallerError(f"expected labels of {known}; got {', '.join(unknown)}")
    for name, words in _WORDS.items():
        if given.get(name) is not None and given[name] not in words:
            raise CallerError(f"expected a {name} of {', '.join(words)}; got {given[name]!r:.60}")
    try:
        changed = msgspec.convert(msgspec.to_builtins(_CURRENT.get()) | given, Labels)
    except msgspec.ValidationError as error:
        raise CallerError(f"expected labels as texts, deadline as whole seconds: {error}") from None
    token = _CURRENT.set(changed)
    try:
        yield changed
    finally:
        _CURRENT.reset(token)


def current() -> Labels:
    """The labels of the running block."""
    return _CURRENT.get()
