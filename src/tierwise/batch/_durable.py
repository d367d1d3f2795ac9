"""Batches as durable workflows: DBOS remembers where each one is and when it is to be looked at next.

Loaded only where batches run: importing DBOS takes a second. A workflow is a loop of one step,
`Life.step`, and sleeps between; all that a step knows stands in the store, so that a workflow that is
run twice, or again by another process, does what is still to be done.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tierwise.errors import ConfigurationError, MissingExtra

VERSION: Final = "tierwise-batch-1"
"""Version of the workflow: raised when its steps change, so that old ones are not gone on with by new code."""
_LOG: Final = logging.getLogger("tierwise.batch")
LATER: Final = 5.0

Step = Callable[[str], Awaitable[float | None]]


class Durable:
    """DBOS in this process, with one workflow. A process has one at a time, since DBOS is global.

    Args:
        url: SQLAlchemy's address of the database; DBOS keeps tables of its own there.
        runner: Name of this process.
        step: Does what comes next for a batch; seconds until the step after it, None at the end.

    Raises:
        MissingExtra: DBOS is not installed.
        ConfigurationError: The database cannot be used.
    """

    def __init__(self, url: str, runner: str, step: Step) -> None:
        os.environ.setdefault("DBOS__CONSOLE_LOG_LEVEL", "WARNING")
        try:
            from dbos import DBOS, DBOSConfig
        except ModuleNotFoundError as error:
            if error.name != "dbos":
                raise
            raise MissingExtra("batches need dbos: pip install 'tierwise[batch]'") from None
        config = DBOSConfig(
            name="tierwise",
            system_database_url=url,
            executor_id=runner,
            application_version=VERSION,
            log_level="WARNING",
            enable_otlp=False,
        )
        self._dbos: Any = DBOS
        self._going: set[asyncio.Task[Any]] = set()
        DBOS(config=config)
        self._workflow = _workflow(DBOS, step, self._going)

    async def launch(self) -> None:
        """Begin. Workflows run on the loop that this is called in.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        try:
            # Not in another thread: DBOS takes the loop of whoever launches it for its workflows.
            self._dbos.launch()
        except Exception as error:  # noqa: BLE001 - whatever DBOS says
            raise ConfigurationError(f"batches cannot be kept: {type(error).__name__}: {error}") from None

    async def begin(self, batch: str) -> None:
        """Follow a batch; one that is followed already is gone on with if its process is gone."""
        from dbos import SetWorkflowID

        with SetWorkflowID(batch):
            await self._dbos.start_workflow_async(self._workflow, batch)

    async def take_over(self, batch: str) -> None:
        """Go on with a batch whose process is gone, from where it was."""
        known = await self._dbos.get_workflow_status_async(batch)
        if known is None:
            await self.begin(batch)
        else:
            await self._dbos.resume_workflow_async(batch)

    async def aclose(self) -> None:
        """End; workflows go on at the next start, or in another process."""
        # A workflow whose task is cancelled stays as it is, and DBOS says so by a warning of each.
        logging.getLogger("dbos").setLevel(logging.ERROR)
        going = list(self._going)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        # DBOS makes its own threads the loop's, and they end with it: whoever goes on needs others.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        await asyncio.to_thread(self._dbos.destroy, workflow_completion_timeout_sec=0, destroy_registry=True)


def _workflow(dbos: Any, step: Step, going: set[asyncio.Task[Any]]) -> Any:
    async def one(batch: str) -> float | None:
        try:
            return await step(batch)
        except Exception:  # noqa: BLE001 - a batch is never given up for a fault of ours
            _LOG.exception("batch %s: a step failed; it is done again", batch)
            return LATER

    once = dbos.step(name="tierwise.batch.step")(one)

    async def life(batch: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            going.add(task)
            task.add_done_callback(going.discard)
        while True:
            wait = await once(batch)
            if wait is None:
                return
            if wait > 0:
                await dbos.sleep_async(wait)

    return dbos.workflow(name="tierwise.batch.life", max_recovery_attempts=1_000_000)(life)
