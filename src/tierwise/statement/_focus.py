"""Groups as rows of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

Columns of the specification come first, by name, then ours (x_...). Empty is null. Money and quantities
are decimal text without exponents; quantity times unit price is the cost, to the last digit.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import unicodedata
from decimal import Decimal, localcontext
from typing import Final, TextIO

from tierwise.ledger import exact, plain
from tierwise.statement._month import Group, Span

VERSION: Final = "1.2"
"""Of the specification."""
COLUMNS: Final = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags", "x_Basis", "x_Calls", "x_Lane", "x_LongContext", "x_Model", "x_TokenBucket",
    "x_UsageBasis",
)  # fmt: skip
PROVIDER: Final = "OpenAI"
MILLION: Final = 1_000_000
FORMULA: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
"""First characters by which a spreadsheet takes text for a formula, full-width forms too (OWASP, CSV injection)."""
METERS: Final = {
    "uncached": "input", "cached": "cached input", "written": "cache writes", "written_12h": "12-hour cache writes",
    "audio_input": "audio input", "audio_cached": "cached audio input", "output": "output",
    "reasoning": "reasoning output", "audio_output": "audio output",
}  # fmt: skip


class Focus:
    """Writes groups as a table, a row each, as they come.

    Args:
        file: Where to; opened with newline=''.
        span: The month, which is the billing period.
        account: What finance calls the account that OpenAI bills.
    """

    def __init__(self, file: TextIO, span: Span, account: str = PROVIDER) -> None:
        self._rows = csv.DictWriter(file, COLUMNS, restval="")
        self._rows.writeheader()
        self._same = {
            "BillingAccountId": safe(account), "BillingAccountName": safe(account), "BillingCurrency": "USD",
            "BillingAccountType": "Organization", "BillingPeriodStart": _at(span.first),
            "BillingPeriodEnd": _at(span.next), "ChargeFrequency": "Usage-Based", "InvoiceIssuerName": PROVIDER,
            "ProviderName": PROVIDER, "PublisherName": PROVIDER, "ServiceName": "OpenAI API",
            "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI",
        }  # fmt: skip
        self.rows = 0
        """Rows written."""

    def write(self, group: Group) -> None:
        """One group as one row."""
        with localcontext(exact()):
            self._rows.writerow(self._same | _who(group) | _money(group) | _what(group))
        self.rows += 1


def safe(text: str) -> str:
    """Foreign text as a cell: on one line, and never taken for a formula, for an apostrophe comes before it."""
    line = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in text).strip()
    return f"'{line}" if line[:1] and line[0] in FORMULA else line


def _who(group: Group) -> dict[str, str]:
    project = safe(group.project or "")
    return {
        "ChargePeriodStart": _at(group.day),
        "ChargePeriodEnd": _at(group.day + dt.timedelta(days=1)),
        "SubAccountId": project,
        "SubAccountName": project,
        "SubAccountType": "Project" if project else "",
        # Tags of calls are words without a value, which the specification writes as true.
        "Tags": json.dumps(dict.fromkeys(group.tags, True), ensure_ascii=True) if group.tags else "",
    }


def _money(group: Group) -> dict[str, str]:
    sums, charge = group.sums, group.charge
    return {
        "BilledCost": _text(sums.counted),
        "EffectiveCost": _text(sums.counted),
        "ListCost": _text(sums.listed),
        "ContractedCost": _text(sums.contract),
        "ListUnitPrice": _text(charge.list_price),
        "ContractedUnitPrice": _text(charge.contract_price),
    }


def _what(group: Group) -> dict[str, str]:
    charge, model = group.charge, safe(group.model) or "(unknown model)"
    meter = METERS.get(charge.kind, charge.kind.replace("_", " "))
    shared = {
        "x_Basis": charge.basis, "x_Calls": str(group.calls), "x_Lane": safe(group.lane),
        "x_LongContext": "true" if charge.long else "false", "x_Model": model,
        "x_UsageBasis": "estimated" if group.estimated else "measured",
    }  # fmt: skip
    if charge.quantity is None:
        why = "by what was charged" if charge.basis == "settled" else "as counted, not by tokens"
        return shared | {
            # What was used is not known, which rows of usage must say.
            "ChargeCategory": "Adjustment", "ChargeDescription": f"{model}: calls {why}",
            "x_UsageBasis": "",
        }  # fmt: skip
    tokens = charge.unit == "Tokens"
    words = (meter, group.lane, *(("long context",) if charge.long else ()))
    return shared | {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{model}: {', '.join(words)}",
        "PricingCategory": "Standard",
        "ConsumedQuantity": str(group.quantity),
        "ConsumedUnit": charge.unit or "",
        "PricingQuantity": _text(Decimal(group.quantity) / MILLION if tokens else Decimal(group.quantity)),
        "PricingUnit": f"{MILLION} Tokens" if tokens else charge.unit or "",
        "SkuId": f"{model}/{meter}".replace(" ", "-"),
        "SkuMeter": meter,
        "SkuPriceId": "/".join((model, *words)).replace(" ", "-"),
        "x_TokenBucket": charge.kind if tokens else "",
    }


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else plain(amount)


def _at(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
