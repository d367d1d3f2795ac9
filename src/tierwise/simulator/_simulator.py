"""The simulator as an object: started in an event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tierwise.errors import CallerError, MissingExtra
from tierwise.simulator._bill import BillLine
from tierwise.simulator._engine import Engine, Settings
from tierwise.simulator._faults import Fault, Faults
from tierwise.simulator._teach import Lesson, Matcher, Say

if TYPE_CHECKING:
    from aiohttp import web

    from tierwise.simulator._deliver import Sender
    from tierwise.simulator._service import Received, Service

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Simulator:
    """An OpenAI API on loopback.

    `async with Simulator() as sim` serves in the running loop, `with Simulator() as sim` in a
    thread; point a client at `sim.base_url` with any key that begins with 'sk-'. `clock` gives Unix
    seconds and `sleep` waits for slow answers; both can be replaced, so that batches finish when a
    test says so. All state is in this object and ends with it. Raises MissingExtra without aiohttp.
    """

    def __init__(
        self,
        settings: Settings = Settings(),
        *,
        faults: Sequence[Fault] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if host not in _LOOPBACK:
            raise CallerError(
                f"the simulator only listens on loopback: expected 127.0.0.1 or ::1, got {host!r}"
            )
        self._engine = Engine(settings, clock)
        self._faults = Faults(faults, self._engine.dice)
        self._sleep = sleep
        self._host = host
        self._port = port
        self._service: Service | None = None
        self._sender: Sender | None = None
        self._runner: web.AppRunner | None = None
        self._thread: _Thread | None = None

    @property
    def base_url(self) -> str:
        """What clients take as `base_url`; ends with /v1."""
        if self._runner is None:
            raise CallerError("the simulator is not started: use it as a context manager, or call start()")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/v1"

    @property
    def bill(self) -> tuple[BillLine, ...]:
        """All lines so far, background work and batches brought to now."""
        if self._service is not None:
            if self._thread is None:
                self._service.advance()
            else:
                # The state belongs to the serving thread.
                self._thread.call(self._service.advance)
        return tuple(self._engine.bill.lines)

    @property
    def bill_total(self) -> Decimal:
        """USD of all priced lines."""
        return sum((line.cost for line in self.bill if line.cost is not None), Decimal(0))

    @property
    def requests(self) -> int:
        """Requests under /v1 so far, refused ones and retries included."""
        return 0 if self._service is None else self._service.requests

    @property
    def received(self) -> tuple[Received, ...]:
        """The requests as they arrived, under `Settings(keep_requests=True)`."""
        return () if self._service is None else tuple(self._service.received)

    @property
    def left(self) -> int:
        """Streams whose client left before their end (noticed at the next paced write)."""
        return 0 if self._sender is None else self._sender.left

    def teach(
        self,
        matcher: Matcher,
        answer: Say,
        wrong: Say | list[Say],
        *,
        skill: Mapping[str, float] | None = None,
        name: str | None = None,
        alike: float = 1.0,
        steady: float = 1.0,
        reasoning: int | None = None,
    ) -> None:
        """Give the models a task: which prompts, the right and the wrong answer, who is right how often.

        `skill` maps 'model:effort', 'model' or '*' to a chance; without it all are right. The truth of
        each call is in its bill line (`task`, `right`). See Lesson for `alike`, `steady`, `reasoning`.
        """
        lessons = self._engine.answerer.school.lessons
        lessons.append(
            Lesson(
                name=name or f"task-{len(lessons) + 1}",
                matcher=matcher,
                answer=answer,
                wrong=wrong,
                skill=dict(skill or {}),
                alike=alike,
                steady=steady,
                reasoning=reasoning,
            )
        )

    def forget(self) -> None:
        """Take back all that was taught."""
        self._engine.answerer.school.lessons.clear()

    def fault(self, fault: Fault) -> None:
        """Let something go wrong from now on; its requests are counted from here."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    async def start(self) -> None:
        """Listen; needs a running loop."""
        try:
            from aiohttp import web

            from tierwise.simulator._deliver import Sender
            from tierwise.simulator._http import Edge
            from tierwise.simulator._service import Service
        except ImportError as error:
            raise MissingExtra(
                f"the simulator needs aiohttp ({error}): pip install 'tierwise[simulator]'"
            ) from None
        settings = self._engine.settings
        self._service = self._service or Service(self._engine, self._faults)
        self._sender = sender = Sender(
            sleep=self._sleep, first_byte=settings.first_byte_seconds, between=settings.token_seconds
        )
        runner = web.AppRunner(Edge(self._service, sender).app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening; the bill stays readable."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = _Thread(self)
        self._thread.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.end()
            self._thread = None


class _Thread:
    """A thread with an event loop that serves one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tierwise-simulator", daemon=True)

    def begin(self) -> None:
        self._thread.start()
        try:
            self._do(self._simulator.start())
        except BaseException:
            self._close()
            raise

    def end(self) -> None:
        try:
            self._do(self._simulator.stop())
        finally:
            self._close()

    def call(self, work: Callable[[], None]) -> None:
        """Run `work` in the loop and wait for it."""

        async def within() -> None:
            work()

        self._do(within())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def _close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()
