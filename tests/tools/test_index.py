"""A search finds the tools that a turn speaks of, whatever the definitions look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.tools import Described, ToolIndex, Weights

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


def test_a_tool_is_found_by_what_it_is_about_where_no_word_is_shared() -> None:
    tools = [*SHOP[:3], Described("meteo_report", "Temperature, rain, wind"), *SHOP[4:]]

    assert ToolIndex(tools).search(["Is it sunny in Lisbon, do I need an umbrella?"], 1) == (3,)


def test_a_server_that_fits_lifts_its_other_tools() -> None:
    tools = [
        Described("alpha", "Does one thing.", group="plain"),
        Described("beta", "Does one thing.", group="maps"),
        Described("route", "Plans a bicycle route.", group="maps"),
    ]

    assert ToolIndex(tools).search(["a bicycle route to the lake"], 3) == (2, 1, 0)


def test_a_step_that_no_word_names_has_a_place_behind_the_first_ten() -> None:
    many = [Described(f"report_{n}", "Summarises a company report.") for n in range(40)]
    tools = [*many, Described("create_presentation", "Creates a presentation, adds slides.")]
    query = "Summarise the company report into deck.pptx"

    assert 40 in ToolIndex(tools).search([query], 12)
    assert 40 not in ToolIndex(tools).search(["Summarise the company report"], 12)
    assert 40 not in ToolIndex(tools, weights=Weights(steps=0)).search([query], 12)


def test_fewer_results_are_the_start_of_more() -> None:
    tools = [
        Described(f"{verb}_{noun}")
        for verb in ("read", "write", "open")
        for noun in ("file", "page", "date", "sum", "web")
    ]
    index = ToolIndex(tools)
    found = index.search(["Write the sum to ./a/b.md today", "open the web page"], 15)

    assert all(
        index.search(["Write the sum to ./a/b.md today", "open the web page"], k) == found[:k]
        for k in range(15)
    )


@pytest.mark.parametrize(
    "schema",
    [
        '{"properties": ' * 5_000 + "1" + "}" * 5_000,
        '{"properties": {"a": {"description": 7}, "b": null}}',
        '{"properties": ["a"], "items": 3, "anyOf": {"a": 1}}',
        '"' + "x" * 2_000_000 + '"',
        {"properties": {f"p{n}": {"description": "word " * 50} for n in range(5_000)}},
        "[" * 100_000,
        "\udfff",
    ],
    ids=["deep", "wrong kinds", "wrong places", "huge text", "many parameters", "unclosed", "surrogate"],
)
def test_a_schema_that_cannot_be_read_hides_no_tool(schema: str | dict[str, object]) -> None:
    tools = [Described("other"), Described("wanted", schema=schema)]

    assert ToolIndex(tools).search(["wanted"], 1) == (1,)


def test_thousands_of_tools_without_descriptions_and_with_one_name_are_searched() -> None:
    tools = [Described("same")] * 4_999 + [Described("find_tools")]

    assert ToolIndex(tools).search(["find tools " * 10_000], 2) == (4_999, 0)
