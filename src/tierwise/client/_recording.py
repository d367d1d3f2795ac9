"""`tierwise record`: the OpenAI clients of an unedited program, recorded in the process that runs it."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tierwise.catalog import Catalog
from tierwise.client._labels import current
from tierwise.client._transport import followed, is_followed
from tierwise.online import FileRecorder, Pipeline
from tierwise.workloads import read_key

FILE: Final = "TIERWISE_RECORD"
"""Environment: the file to append to. Set by `tierwise record`, inherited by child processes."""
KEY: Final = "TIERWISE_RECORD_KEY"
NAMES: Final = "TIERWISE_RECORD_NAMES"
PROJECT: Final = "TIERWISE_RECORD_PROJECT"
_WRAPPED: Final = ("OpenAI", "AsyncOpenAI")
"""Azure's clients are made from these."""


def child_environment(
    environment: Mapping[str, str], *, file: Path, key: Path, names: bool, project: str | None
) -> dict[str, str]:
    """The environment in which a Python program records its calls."""
    folder = str(Path(__file__).parent / "_child")
    path = os.pathsep.join(filter(None, (folder, environment.get("PYTHONPATH"))))
    found = {**environment, "PYTHONPATH": path, FILE: str(file.absolute()), KEY: str(key.absolute())}
    if names:
        found[NAMES] = "1"
    if project:
        found[PROJECT] = project
    return found


def record_clients(module: Any, environment: Mapping[str, str]) -> None:
    """Have every client that `openai` makes from now on recorded.

    Args:
        module: The `openai` package, loaded.
        environment: As `child_environment` made it.

    Raises:
        ConfigurationError: The file or the key cannot be used.
    """
    pipeline = Pipeline(
        Catalog.open(None),
        FileRecorder(environment[FILE]),
        key=read_key(Path(environment[KEY])),
        names=bool(environment.get(NAMES)),
        project=environment.get(PROJECT),
    )
    # A process forked while another thread held the lock would wait for it for ever.
    os.register_at_fork(after_in_child=pipeline.renew_lock)
    for name in _WRAPPED:
        kind = getattr(module, name)
        kind.__init__ = _recorded(kind.__init__, pipeline)


def _recorded(make: Any, pipeline: Pipeline) -> Any:
    @functools.wraps(make)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        # A copy of a client shares its HTTP client, which is recorded already.
        if not is_followed(self._client):
            self._client = followed(self._client, pipeline, current)

    return made
