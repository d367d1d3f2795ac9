"""For all tests: what several rooms share.

Properties have no time limit of their own, since a busy machine would fail them by chance.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A suite that a shell started in its background ignores ctrl-c, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("tierwise", deadline=None)
settings.load_profile("tierwise")


@pytest.fixture(scope="session")
def scorer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer of three rungs of the ladder gpt-5.4: the cheaper ones fail on proofs and hold on tickets."""
    import numpy as np

    from tierwise.router import Outcome, Text, save, train

    draw, found = np.random.default_rng(0), []
    easy, hard = (
        ("classify the ticket about", "label the order of"),
        ("prove the theorem on", "derive the bound of"),
    )
    for at in range(700):
        proof = at % 2 == 0
        text = Text(f"{(hard if proof else easy)[at // 2 % 2]} number {at % 37}")
        for rung, chance in (("gpt-5.4-nano", 0.1), ("gpt-5.4-mini", 0.3), ("gpt-5.4", 0.99)):
            score = float(draw.random() < (chance if proof else 0.995))
            found.append(Outcome(request=str(at), text=text, rung=rung, score=score))
    path = tmp_path_factory.mktemp("scorer") / "router.scorer"
    save(train(found, ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4"), bits=12, proven=True).scorer, path)
    return path
