"""A search finds the tools that a turn speaks of, whatever the definitions look like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tierwise.tools import Described, ToolIndex

SHOP = (
    Described("get_order", "Looks up an order.", '{"properties": {"order_id": {"type": "string"}}}', "shop"),
    Described("cancelOrder", "Cancels an order that was not sent.", "", "shop"),
    Described(
        "convert-currency", "", '{"properties": {"amount": {"description": "money in euros"}}}', "bank"
    ),
    Described("weather", "Forecast for a city.", b"{damaged", ""),
    Described("bing_search", "使用必应搜索指定的关键词", "", "bing"),
)


def names(*queries: str, k: int = 1) -> list[str]:
    return [SHOP[at].name for at in ToolIndex(SHOP).search(queries, k)]


def test_names_are_cut_where_programmers_join_them() -> None:
    assert names("please cancel my order", k=2) == ["cancelOrder", "get_order"]


def test_parameters_and_their_descriptions_are_searched() -> None:
    assert names("I have some euros") == ["convert-currency"]


def test_a_script_without_spaces_is_searched_too() -> None:
    assert names("用必应搜索") == ["bing_search"]


def test_the_newest_text_counts_most() -> None:
    assert names("and the forecast for Paris, which city?", "cancel order 17") == ["weather"]


def test_equals_keep_the_order_of_the_request() -> None:
    tools = [Described(f"same_{n % 2}") for n in range(6)]

    assert ToolIndex(tools).search(["nothing of it"], 4) == (0, 1, 2, 3)


@given(
    st.lists(
        st.builds(
            Described,
            st.text(st.characters(), max_size=12),
            st.text(st.characters(), max_size=20),
            st.one_of(st.text(max_size=20), st.binary(max_size=20)),
            st.text(st.characters(), max_size=5),
        ),
        max_size=8,
    ),
    st.lists(st.text(st.characters(), max_size=30), max_size=3),
    st.integers(-1, 10),
)
def test_any_texts_give_distinct_positions(tools: list[Described], queries: list[str], k: int) -> None:
    index = ToolIndex(tools)
    found = index.search(queries, k)

    assert len(set(found)) == len(found) == min(max(k, 0), len(tools))
    assert found == ToolIndex(tools).search(queries, k)
    assert set(found) <= set(range(len(index)))
