"""The map over a plan: units of a log to partial results, in this process or in several."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import resource_tracker

from tierwise.audit._partial import Partial
from tierwise.audit._result import Result
from tierwise.calls import NOT_DAMAGE, Plan, Skipped, Unit, absolute_place, read
from tierwise.errors import DamagedLog, LogError
from tierwise.workloads import Recogniser

Progress = Callable[[int, int], None]
"""Called with stored bytes read so far and in all; the second is 0 for a stream."""

COLLECT_AFTER = 100_000
"""Objects made and not yet gone after which a worker looks for garbage."""
SMALL = 24 * 1024 * 1024
"""Stored bytes below which starting processes costs more than they save."""


@cache
def _recogniser(key: bytes) -> Recogniser:
    """One per process: what it remembers of distinct texts serves every unit."""
    return Recogniser(key)


def map_unit(
    number: int, unit: Unit, key: bytes = b"", progress: Callable[[int], None] | None = None
) -> Result:
    """Read one unit and fold its records."""
    partial = Partial(_recogniser(key), key=key)
    add = partial.add
    for record in read(unit, progress=progress):
        add(record)
    return partial.result(number)


def map_all(
    plan: Plan, *, processes: int | None, progress: Progress | None, strict: bool, key: bytes = b""
) -> Iterator[Result]:
    """Every unit's result, in any order; in the order of the log when strict."""
    streams = [(n, unit) for n, unit in enumerate(plan.units) if unit.stream]
    files = [(n, unit) for n, unit in enumerate(plan.units) if not unit.stream]
    workers = min(processes or os.cpu_count() or 1, len(files))
    told = _Told(plan.bytes, progress)
    for number, unit in streams:
        yield _checked(map_unit(number, unit, key, told.more), plan, strict)
    # Strictly, the first bad record of the log is the one to name: units are read in order.
    if strict or workers <= 1 or (processes is None and plan.bytes < SMALL):
        for number, unit in files:
            yield _checked(map_unit(number, unit, key, told.more), plan, strict)
        return
    for result in _in_processes(files, workers, key):
        told.more(plan.units[result.unit].size)
        yield _checked(result, plan, strict)


def _in_processes(units: list[tuple[int, Unit]], workers: int, key: bytes) -> Iterator[Result]:
    """Results as they finish; at most two units a worker wait, so memory stays bounded."""
    waiting: set[Future[Result]] = set()
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_settle)
    try:
        for number, unit in units:
            with _ends_held():
                waiting.add(pool.submit(map_unit, number, unit, key))
            if len(waiting) >= 2 * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool:
        # Waiting for the others can take for ever: the one that died may have held their queue's lock.
        pool.shutdown(wait=False, cancel_futures=True)
        _end_children()
        raise LogError(
            "a process that read the log was ended from outside, perhaps for lack of memory; try --processes 1"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()


@contextmanager
def _ends_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while workers start, and answer the first of them as soon as they have.

    An exception amid a start would leave a worker without the data that it waits for, which it answers
    with a traceback; a mask alone does not do, since a signal that another thread gets is answered here.
    Ctrl-C reaches the workers too: one that is still importing inherits the mask.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # Starting the tracker lifts the mask, so it has to run before.
    resource_tracker.ensure_running()
    for number in before:
        signal.signal(number, lambda number, _: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if held:
            signal.raise_signal(held[0])


def _settle() -> None:
    """Make a new process a worker.

    Ctrl-C reaches the whole process group: the parent stops the work, workers say nothing.
    A parent that was killed cannot stop them, so they watch it and leave with it.
    Records hold no cycles and go by themselves, so garbage is looked for seldom, and never
    among what was imported.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _Told:
    """Adds up what was read and passes it on."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._read, self._total, self._progress = 0, total, progress

    def more(self, count: int) -> None:
        self._read += count
        if self._progress is not None:
            self._progress(self._read, self._total)


def _checked(result: Result, plan: Plan, strict: bool) -> Result:
    damage = [skipped for skipped in result.examples if skipped.reason not in NOT_DAMAGE]
    if strict and damage:
        found = where(damage[0], plan.units[result.unit], plan)
        raise DamagedLog(f"{found}; leave out --strict to skip such records")
    return result


def where(skipped: Skipped, unit: Unit | None, plan: Plan) -> str:
    """'file:line: reason (detail)' of a skipped record, its line counted in the file."""
    place = absolute_place(skipped.place, unit) if unit is not None else skipped.place
    detail = f" ({skipped.detail})" if skipped.detail else ""
    at = f":{place.line}" if place.line else ""
    return f"{plan.files[place.file]}{at}: {skipped.reason}{detail}"
