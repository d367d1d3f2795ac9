"""Roles: what one request tells, and what a whole trace tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import Request
from tierwise.workloads import ROLES, Role, Span, role_of, roles_in_trace
from tierwise.workloads._depth import read_template
from tierwise.workloads._signals import ToolText


@pytest.mark.parametrize(
    ("instructions", "tools", "metadata", "role"),
    [
        pytest.param("You are a helpful assistant.", (), {}, "unknown", id="nothing said"),
        pytest.param("Answer.", ("get_weather",), {}, "unknown", id="plain tool"),
        pytest.param("Answer.", ("transfer_to_billing_agent",), {}, "orchestrator", id="hand-off tool"),
        pytest.param("Answer.", ("delegate_work", "search"), {}, "orchestrator", id="delegating tool"),
        pytest.param("You are the orchestrator of five agents.", (), {}, "orchestrator", id="told to direct"),
        pytest.param("You are a sub-agent. Do one step.", (), {}, "sub-agent", id="told it is one"),
        pytest.param("Du bist ein Unteragent.", (), {}, "sub-agent", id="told in German"),
        pytest.param("Answer.", (), {"agent": "pricing-subagent"}, "sub-agent", id="metadata"),
        pytest.param("Answer.", (), {"agent_name": "Supervisor"}, "orchestrator", id="metadata supervisor"),
        pytest.param("Answer.", (), {"agent": "pricing"}, "unknown", id="metadata without a role"),
        pytest.param("Answer.", (), {"agent": "trip-planner"}, "orchestrator", id="metadata planner"),
        pytest.param("Answer.", (), {"agent": "synthesizer"}, "orchestrator", id="metadata synthesizer"),
        pytest.param("Documented code is called by a scheduler.", (), {}, "unknown", id="a single word"),
        pytest.param("Ты субагент. Выполни один шаг.", (), {}, "sub-agent", id="told in Russian"),
        pytest.param("Send each question to a subagent.", (), {}, "orchestrator", id="speaks of sub-agents"),
    ],
)
def test_role_of_one_request(
    instructions: str, tools: tuple[str, ...], metadata: dict[str, str], role: Role
) -> None:
    template = read_template(instructions, tuple(ToolText(name) for name in tools))
    assert role_of(Request(endpoint="chat", metadata=metadata), template) == role


def call(
    id: str,
    parent: str | None = None,
    role: Role = "unknown",
    *,
    name: str | None = None,
    template: int = 0,
    turn: int = 0,
    tools: bool = False,
    lasts: int = 1,
) -> Span:
    """A call whose id ends in its time and that asks something of its own."""
    at = int("".join(letter for letter in id if letter.isdigit()) or 0) * 10
    return Span(
        id=id,
        parent=parent,
        role=role,
        name=name,
        template=template,
        turn=turn,
        tools=tools,
        request=int.from_bytes(id.encode(), "little"),
        at=at or None,
        until=at + lasts * 10 - 5 if at else None,
    )


def step(id: str, parent: str | None = None) -> Span:
    return Span(id=id, parent=parent, calls_model=False)


@pytest.mark.parametrize(
    ("spans", "roles"),
    [
        pytest.param([], {}, id="empty"),
        pytest.param([call("a")], {"a": "single"}, id="alone"),
        pytest.param(
            [call("a", role="sub-agent")], {"a": "sub-agent"}, id="alone but told it is a sub-agent"
        ),
        pytest.param([step("t"), call("a", "t")], {"a": "single"}, id="alone under a chain"),
        pytest.param(
            [call("a"), call("b", "a")],
            {"a": "unknown", "b": "unknown"},
            id="a call under a call proves nothing",
        ),
        pytest.param(
            [call("a1", role="orchestrator"), call("b2", "a1")],
            {"a1": "orchestrator", "b2": "unknown"},
            id="the only call below may join what other things found",
        ),
        pytest.param(
            [call("a1", role="orchestrator"), call("b2", "a1", tools=True)],
            {"a1": "orchestrator", "b2": "sub-agent"},
            id="with tools of its own, below one that hands on",
        ),
        pytest.param(
            [call("a1", template=1), call("b2", "a1", template=2), call("a3", template=1, turn=1)],
            {"a1": "orchestrator", "b2": "sub-agent", "a3": "orchestrator"},
            id="its answer went back to who asked",
        ),
        pytest.param(
            [step("agent"), call("a", "agent"), call("b", "agent")],
            {"a": "unknown", "b": "unknown"},
            id="two calls of one step",
        ),
        pytest.param(
            [
                call("a1", template=1),
                call("a2", "a1", template=1, turn=1),
                call("a3", "a2", template=1, turn=2),
            ],
            {"a1": "single", "a2": "single", "a3": "single"},
            id="a chat whose turns name each other",
        ),
        pytest.param(
            [
                call("p1", template=1),
                call("r2", template=2, lasts=4),
                call("r3", template=2, lasts=4),
                call("w7", template=3),
            ],
            {"p1": "orchestrator", "r2": "sub-agent", "r3": "sub-agent", "w7": "orchestrator"},
            id="at once, and no parents",
        ),
        pytest.param(
            [call("t1", template=1), *(call(f"c{n}", template=2) for n in (2, 3, 4)), call("s5", template=3)],
            dict.fromkeys(("t1", "c2", "c3", "c4", "s5"), "unknown"),
            id="turns of a chat between a title and a summary",
        ),
        pytest.param(
            [
                call("p1", role="orchestrator", template=1),
                *(call(f"r{n}", "p1", template=2) for n in (2, 3, 4)),
                call("w5", "p1", template=3),
            ],
            {"p1": "orchestrator", **dict.fromkeys(("r2", "r3", "r4"), "sub-agent"), "w5": "orchestrator"},
            id="parts of a plan and who joins them",
        ),
        pytest.param(
            [
                call("p1", role="orchestrator", template=1),
                call("a2", "p1", template=2),
                call("b3", "p1", template=3),
                call("w4", "p1", template=4),
            ],
            {"p1": "orchestrator", "a2": "sub-agent", "b3": "sub-agent", "w4": "unknown"},
            id="of different kinds: the last may join",
        ),
        pytest.param(
            [call("d1", template=1), call("r2", "d1", template=2), call("d3", "r2", template=1)],
            {"d1": "unknown", "r2": "unknown", "d3": "unknown"},
            id="draft, review, draft again",
        ),
        pytest.param(
            [call("a"), call("b", "a"), call("c", "b")],
            {"a": "unknown", "b": "unknown", "c": "unknown"},
            id="a chain of steps",
        ),
        pytest.param(
            [call("a1"), call("b2", "a1", role="sub-agent"), call("c3", "b2", role="sub-agent")],
            {"a1": "orchestrator", "b2": "orchestrator", "c3": "sub-agent"},
            id="three levels",
        ),
        pytest.param(
            [call("a", "gone"), call("b", "gone")], {"a": "unknown", "b": "unknown"}, id="missing parents"
        ),
        pytest.param([call("a", "b"), call("b", "a")], {"a": "unknown", "b": "unknown"}, id="a circle"),
        pytest.param([call("a", "a")], {"a": "single"}, id="its own parent"),
        pytest.param(
            [call("a", name="research_supervisor"), call("b", name="other")],
            {"a": "orchestrator", "b": "unknown"},
            id="named by the application",
        ),
    ],
)
def test_roles_in_a_trace(spans: list[Span], roles: dict[str, Role]) -> None:
    assert roles_in_trace(spans) == roles


@given(
    st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 8), st.booleans()), max_size=12),
    st.randoms(),
)
def test_roles_do_not_depend_on_the_order_of_spans(
    rows: list[tuple[int, int | None, bool]], random: object
) -> None:
    spans = {
        str(id): Span(id=str(id), parent=None if up is None else str(up), calls_model=model)
        for id, up, model in rows
    }
    forward = roles_in_trace(spans.values())
    backward = roles_in_trace(reversed(list(spans.values())))
    assert forward == backward
    assert set(forward) == {span.id for span in spans.values() if span.calls_model}
    assert set(forward.values()) <= set(ROLES)
