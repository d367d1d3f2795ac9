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
    ],
)
def test_role_of_one_request(
    instructions: str, tools: tuple[str, ...], metadata: dict[str, str], role: Role
) -> None:
    template = read_template(instructions, tuple(ToolText(name) for name in tools))
    assert role_of(Request(endpoint="chat", metadata=metadata), template) == role


def call(id: str, parent: str | None = None, role: Role = "unknown", name: str | None = None) -> Span:
    return Span(id=id, parent=parent, role=role, name=name)


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
            [call("a"), call("b", "a")], {"a": "orchestrator", "b": "sub-agent"}, id="a call under a call"
        ),
        pytest.param(
            [step("agent"), call("a", "agent"), call("b", "agent")],
            {"a": "unknown", "b": "unknown"},
            id="two turns of one agent",
        ),
        pytest.param(
            [step("lead"), call("a", "lead"), step("tool", "lead"), step("sub", "tool"), call("b", "sub")],
            {"a": "orchestrator", "b": "sub-agent"},
            id="an agent inside a tool of another",
        ),
        pytest.param(
            [call("a"), call("b", "a"), call("c", "b")],
            {"a": "orchestrator", "b": "orchestrator", "c": "sub-agent"},
            id="three levels",
        ),
        pytest.param(
            [call("a", "gone"), call("b", "gone")], {"a": "unknown", "b": "unknown"}, id="missing parents"
        ),
        pytest.param(
            [call("a", "b"), call("b", "a")], {"a": "orchestrator", "b": "orchestrator"}, id="a circle"
        ),
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
