"""Found first by a Python that `tierwise record` starts: watches for `openai`, and then leaves.

Nothing but the standard library is loaded here, and nothing at all of tierwise unless the program
imports `openai`. A `sitecustomize` that the installation has of its own still runs.
"""

import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not worth its time here


class _Watch:
    """Sees `openai` being imported, and has its clients recorded once it is."""

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The real spec of `openai`, its loader told to call us afterwards."""
        if name != "openai" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader = spec.loader
            load = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                _record(module)

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _record(module: ModuleType) -> None:
    try:
        from tierwise.client import record_clients
    except ImportError as error:
        sys.stderr.write(
            f"tierwise: calls of this program are not recorded: {error}; install tierwise in {sys.executable}\n"
        )
        return
    try:
        record_clients(module, os.environ)
    except Exception as error:  # noqa: BLE001 - the program runs on, recorded or not
        sys.stderr.write(f"tierwise: calls of this program are not recorded: {error}\n")


def _next() -> None:
    """Run the `sitecustomize` that this one stands before."""
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]  # noqa: PTH100
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("TIERWISE_RECORD"):
    sys.meta_path.insert(0, _Watch())
_next()
