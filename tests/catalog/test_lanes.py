"""Which lane a served call is billed in."""

from __future__ import annotations

import pytest

from tierwise.catalog import served_lane
from tierwise.errors import Unpriced


@pytest.mark.parametrize(
    ("asked", "served", "lane", "basis"),
    [
        pytest.param("priority", "default", "standard", "served", id="downgraded"),
        pytest.param("fast", "priority", "priority", "served", id="fast is served as priority"),
        pytest.param("auto", "flex", "flex", "served", id="auto resolved by the project"),
        pytest.param(None, "default", "standard", "served", id="only the response says"),
        pytest.param("flex", None, "flex", "asked", id="only the request says"),
        pytest.param("fast", None, "priority", "asked", id="fast alone"),
        pytest.param("auto", None, "standard", "assumed", id="auto is not a price"),
        pytest.param("flex", "auto", "flex", "asked", id="a response of auto says nothing"),
        pytest.param(None, None, "standard", "assumed", id="nothing said"),
        pytest.param("", "Default", "standard", "served", id="case does not matter"),
    ],
)
def test_the_response_decides_the_lane(asked: str | None, served: str | None, lane: str, basis: str) -> None:
    assert served_lane(asked, served) == (lane, basis)


@pytest.mark.parametrize("tier", ["ultrafast", "scale", "cheap"])
def test_a_tier_without_prices_is_refused_by_name(tier: str) -> None:
    with pytest.raises(Unpriced, match=tier):
        served_lane(None, tier)
