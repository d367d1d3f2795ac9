"""The life of batches against the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tierwise.batch import Sealer
from tierwise.simulator import Fault, Limits

Play = Callable[..., None]
MINUTE = 60_000_000


def test_each_request_comes_back_from_one_batch_with_its_own_answer(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(20)
        for number, item in enumerate(waiting):
            desk.add([item], f"Say {number}.")
        await desk.go_on(5)
        assert desk.states(waiting) == {"waiting": 20}, "they wait for others"
        await desk.go_on(10)
        assert desk.states(waiting) == {"sent": 20}
        await desk.go_on(90, steps=9)
        assert desk.states(waiting) == {"done": 20}
        assert len(desk.simulator.bill) == 20
        assert {line.lane for line in desk.simulator.bill} == {"batch"}
        assert sorted(found.item.id for found, _ in desk.told) == sorted(item.id for item in waiting)
        assert len({desk.answer(item)["id"] for item in waiting}) == 20

    play(scene)


def test_each_model_and_endpoint_has_a_batch_of_its_own(play: Play) -> None:
    async def scene(desk: Any) -> None:
        for number, (model, path) in enumerate(
            [
                ("gpt-5.4-nano", "/v1/responses"),
                ("gpt-5.4-mini", "/v1/responses"),
                ("gpt-5.4-mini", "/v1/chat/completions"),
            ]
        ):
            desk.add(desk.items(3, start=10 * number, model=model, path=path))
        await desk.go_on(11)
        assert len(desk.following.batches) == 3
        await desk.go_on(90, steps=9)
        assert len(desk.simulator.bill) == 9
        assert len(desk.told) == 9

    play(scene)


def test_what_an_expired_batch_finished_is_kept_and_only_the_rest_is_sent_again(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(10)
        desk.add(waiting)
        await desk.go_on(11)
        await desk.go_on(70, steps=7)
        assert desk.states(waiting)["done"] == 1
        await desk.go_on(200, steps=20)
        assert desk.states(waiting) == {"done": 10}
        assert len(desk.simulator.bill) == 10, "each billed once"
        assert len(desk.told) == 10

    play(scene, Fault(kind="batch_expired", at=(1,), share=0.85))


def test_a_batch_of_nothing_but_errors_fails_each_request_with_its_own_message(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(9)
        desk.add(waiting)
        await desk.go_on(600, steps=60)
        assert desk.states(waiting) == {"failed": 9}
        assert all(end.status == 500 and b"server had an error" in end.body for _, end in desk.told)
        assert len(desk.told) == 9
        assert desk.simulator.bill == ()

    play(scene, Fault(kind="batch_line_error", rate=1.0, share=1.0))


def test_lines_that_come_twice_count_once(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(30)
        desk.add(waiting)
        await desk.go_on(100, steps=10)
        assert desk.states(waiting) == {"done": 30}
        assert len(desk.told) == 30

    play(scene, Fault(kind="batch_duplicate", rate=1.0, share=0.5))


def test_over_the_enqueued_limit_batches_are_halved_until_they_fit(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(16)
        desk.add(waiting, "word " * 40)
        await desk.go_on(2_000, steps=200)
        assert desk.states(waiting) == {"done": 16}
        assert len(desk.simulator.bill) == 16
        assert all(found.item.tries == 0 for found, _ in desk.told), "no try of theirs"

    play(scene, limits=Limits(enqueued_tokens=300))


@pytest.mark.parametrize("kind", ["server_error", "reset", "lost", "bad_gateway", "slow_down"])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_no_batch_is_made_twice_however_creating_fails(play: Play, kind: Any, path: str) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(5)
        desk.add(waiting)
        await desk.go_on(400, steps=40)
        assert desk.states(waiting) == {"done": 5}
        assert len(desk.simulator.bill) == 5

    play(scene, Fault(kind=kind, at=(1, 2), path=path, seconds=0.0))


def test_a_batch_that_would_be_late_is_cancelled_and_its_rest_goes_by_itself(play: Play) -> None:
    async def scene(desk: Any) -> None:
        now = int(desk.clock.now * 1e6)
        waiting = desk.items(10, due=now + 40 * MINUTE, then=("flex", "standard"))
        desk.add(waiting)
        await desk.go_on(1)
        assert desk.states(waiting) == {"sent": 10}, "no time to wait for others"
        await desk.go_on(38 * 60, steps=38)
        await desk.go_on(1)
        await desk.arrive()
        assert desk.states(waiting) == {"done": 10}
        lanes = [line.lane for line in desk.simulator.bill]
        assert len(lanes) == 10, "each billed once"
        assert {"batch", "flex"} == set(lanes)
        assert {end.lane for _, end in desk.told} == {"batch", "flex"}

    play(scene, batch_seconds=2_000)


def test_flex_without_room_gives_way_to_standard(play: Play) -> None:
    async def scene(desk: Any) -> None:
        now = int(desk.clock.now * 1e6)
        waiting = desk.items(3, due=now + 10 * MINUTE, then=("flex", "standard"))
        desk.add(waiting)
        await desk.go_on(1)
        await desk.arrive()
        assert desk.states(waiting) == {"done": 3}
        assert [line.lane for line in desk.simulator.bill] == ["standard"] * 3

    play(scene, Fault(kind="flex_unavailable", rate=1.0, seconds=0.0))


def test_cancelled_requests_are_over_and_what_was_answered_all_the_same_is_told(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(4)
        desk.add(waiting)
        assert desk.queue.ask("i0").state == "cancelled"
        await desk.go_on(11)
        assert desk.queue.find("i0").ended is not None, "it was in no batch yet"
        assert desk.queue.ask("i1").ended is None, "its batch is under way"
        assert desk.queue.find("i1").ended is None
        await desk.go_on(100, steps=10)
        assert desk.states(waiting) == {"cancelled": 2, "done": 2}
        assert len(desk.simulator.bill) == 3
        assert sorted(found.item.id for found, _ in desk.told) == ["i0", "i1", "i2", "i3"]

    play(scene)


def test_a_batch_that_nobody_waits_for_is_cancelled(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(4)
        desk.add(waiting)
        await desk.go_on(11)
        for item in waiting:
            desk.queue.ask(item.id)
        await desk.go_on(600, steps=60)
        assert desk.states(waiting) == {"cancelled": 4}
        assert len(desk.simulator.bill) < 4

    play(scene, batch_seconds=600)


def test_requests_whose_sender_is_gone_fail_and_are_not_sent_again(play: Play) -> None:
    async def scene(desk: Any) -> None:
        now = int(desk.clock.now * 1e6)
        waiting = desk.items(1, due=now + 10 * MINUTE, then=("standard",))
        desk.add(waiting)
        assert desk.queue.go("i0", "gone", now + MINUTE)
        await desk.go_on(120)
        assert desk.states(waiting) == {"failed": 1}
        assert desk.told[0][1].error == "outcome_unknown"
        assert desk.simulator.bill == ()

    play(scene)


def test_another_process_goes_on_where_one_stopped(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(10)
        desk.add(waiting)
        await desk.go_on(11)
        desk.following.batches.clear()  # the first process is gone
        second = desk.another("second")
        await desk.go_on(20, runner=second)
        assert not desk.following.batches, "the first one's lease lasts"
        await desk.go_on(90, steps=9, runner=second)
        assert desk.states(waiting) == {"done": 10}
        assert len(desk.simulator.bill) == 10

    play(scene)


def test_answers_are_kept_for_a_time_after_they_were_fetched(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = [*desk.items(2), *desk.items(1, start=2, job="j")]
        desk.add(waiting)
        await desk.go_on(100, steps=10)
        kept = [desk.queue.body(item.id) is not None for item in waiting]
        assert kept == [True, True, False], "requests of a job go at their end, its file is there"
        desk.queue.fetched(["i0"], int(desk.clock.now * 1e6))
        await desk.go_on(90_000)
        assert (desk.answer(waiting[0]), desk.queue.body("i0")) == (None, None)
        assert desk.answer(waiting[1]) is not None

    play(scene)


def test_what_does_not_open_any_more_fails_and_the_rest_goes(play: Play) -> None:
    async def scene(desk: Any) -> None:
        waiting = desk.items(3)
        desk.add(waiting[:2])
        other = Sealer(b"another key " * 3)
        desk.queue.add([(waiting[2], other.seal("i2", b"{}"), b"{}")])
        alone = desk.items(1, start=3, due=int(desk.clock.now * 1e6), then=("standard",))
        desk.queue.add([(alone[0], other.seal("i3", b"{}"), b"{}")])
        await desk.go_on(100, steps=10)
        await desk.arrive()
        assert desk.states([*waiting, *alone]) == {"done": 2, "failed": 2}
        assert {desk.queue.find(each).error for each in ("i2", "i3")} == {"body_lost"}
        assert len(desk.simulator.bill) == 2

    play(scene)


def test_a_batch_that_cannot_be_made_in_time_gives_way_to_other_lanes(play: Play) -> None:
    async def scene(desk: Any) -> None:
        now = int(desk.clock.now * 1e6)
        waiting = desk.items(3, due=now + 40 * MINUTE, then=("standard",))
        desk.add(waiting)
        await desk.go_on(14 * 60, steps=28)
        assert desk.states(waiting) == {"sent": 3}
        await desk.go_on(5 * 60, steps=10)
        await desk.arrive()
        assert desk.states(waiting) == {"done": 3}
        assert [line.lane for line in desk.simulator.bill] == ["standard"] * 3

    play(scene, Fault(kind="server_error", rate=1.0, path="/v1/files"))


def test_what_may_only_go_later_is_in_no_batch_before(play: Play) -> None:
    async def scene(desk: Any) -> None:
        now = int(desk.clock.now * 1e6)
        early, late = desk.items(2), desk.items(2, start=2, start_at=now + 30 * MINUTE)
        desk.add([*early, *late])
        await desk.go_on(200, steps=20)
        assert desk.states(early) == {"done": 2}
        assert desk.states(late) == {"waiting": 2}
        await desk.go_on(1_800, steps=60)
        assert desk.states(late) == {"done": 2}

    play(scene)
