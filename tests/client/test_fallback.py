"""A wrapped client whose calls upstream has no room for: they go where the policy says, as behind the gateway."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import tierwise
from tierwise.online import MemoryRecorder
from tierwise.simulator import Fault, Settings, Simulator

UP = 'version = 1\nname = "test"\nladder = "gpt-5.4"\nfallback = "up"\n[default]\nstage = "off"\n'
PROVE = "Prove that there are infinitely many primes."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_wrapped_client_goes_up_where_there_is_no_room(tmp_path: Any, stream: bool) -> None:
    (tmp_path / "tierwise.toml").write_text(UP)
    fault = Fault(kind="rate_limit", at=(1,), seconds=0)
    recorder = MemoryRecorder()
    with (
        Simulator(Settings(seed=1), faults=[fault]) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0) as bare,
    ):
        client = tierwise.wrap(bare, policy=tmp_path / "tierwise.toml", record=recorder)
        asked: dict[str, Any] = {"model": "gpt-5.4-mini", "input": PROVE}
        if stream:
            model = list(client.responses.create(**asked, stream=True))[-1].response.model
        else:
            model = client.responses.create(**asked).model
        billed = simulator.bill_total
    assert model.startswith("gpt-5.4-2026")
    (entry,) = recorder.entries
    assert (entry.attempts, entry.decision.plan.rung.model) == (2, "gpt-5.4")
    assert entry.cost == billed > 0
