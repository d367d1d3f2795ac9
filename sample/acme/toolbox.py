"""Tool definitions the workloads send: a long list for the chat, most of it never used."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

_Spec = tuple[str, str, dict[str, str]]

_SUPPORT: tuple[_Spec, ...] = (
    ("get_order", "Look up one order with its lines, status and payment.", {"order": "Order number, AH- and seven digits"}),
    ("track_parcel", "Last scans of a parcel and the promised day.", {"order": "Order number"}),
    ("check_stock", "Stock of a product by warehouse.", {"product": "Name or SKU"}),
    ("start_return", "Register a return and create the label.", {"order": "Order number", "reason": "Short reason"}),
    ("open_case", "Hand over to a colleague.", {"summary": "Two sentences", "urgency": "low, normal or high"}),
    ("find_product", "Search the catalogue.", {"query": "Words of the customer", "limit": "At most 10"}),
    ("get_voucher", "Show a voucher and whether it still applies.", {"code": "Voucher code"}),
    ("list_orders", "All orders of a customer.", {"customer": "Customer number", "months": "How far back"}),
    ("change_address", "Change the delivery address before packing.", {"order": "Order number", "address": "Full address"}),
    ("cancel_order", "Cancel an order that is not packed yet.", {"order": "Order number", "reason": "Short reason"}),
    ("refund_shipping", "Refund the shipping fee as a courtesy.", {"order": "Order number"}),
    ("reserve_item", "Reserve an item in a showroom for 48 hours.", {"sku": "SKU", "showroom": "Showroom code"}),
    ("showroom_hours", "Opening hours of a showroom.", {"showroom": "Showroom code"}),
    ("book_assembly", "Book a fitter for assembly at home.", {"order": "Order number", "slot": "Date and half day"}),
    ("get_invoice", "Link to the invoice as PDF.", {"order": "Order number"}),
    ("loyalty_points", "Points of an Acme Circle member.", {"customer": "Customer number"}),
    ("gift_wrap_options", "Wrapping papers and cards for a product.", {"sku": "SKU"}),
    ("get_manual", "Link to the assembly manual.", {"sku": "SKU", "language": "Two letters"}),
    ("order_spare_part", "Send a spare part free of charge.", {"sku": "SKU", "part": "Part letter in the manual"}),
    ("price_history", "Prices of a product over the last 60 days.", {"sku": "SKU"}),
    ("notify_restock", "Mail the customer when a product is back.", {"sku": "SKU", "email": "Address on file"}),
    ("convert_units", "Convert centimetres and inches, kilograms and pounds.", {"value": "Number", "unit": "Target unit"}),
)  # fmt: skip

_WAREHOUSE: tuple[_Spec, ...] = (
    ("identify_parcel", "Order and item behind a return label.", {"label": "Scanned code"}),
    (
        "grade_item",
        "Record the grade of an item: A new, B used, C damaged.",
        {"label": "Code", "grade": "A, B or C"},
    ),
    ("find_shelf", "Free shelf for an item of this size and grade.", {"label": "Code", "grade": "Grade"}),
    ("book_stock", "Book the item on a shelf.", {"label": "Code", "shelf": "Aisle-bay-level"}),
    ("raise_ticket", "Ask the floor lead for help.", {"text": "What happened"}),
    ("print_label", "Print a shelf label.", {"shelf": "Aisle-bay-level"}),
    ("weigh", "Read the scale.", {"scale": "Scale number"}),
    ("measure_box", "Outer size of the box from the gantry.", {"label": "Code", "gantry": "Gantry number"}),
    ("photo_item", "Take a picture with the desk's camera.", {"label": "Code", "camera": "Camera number"}),
    ("look_up_fault", "Known faults of a product and what to do.", {"sku": "SKU", "words": "What is wrong"}),
    ("repair_order", "Send an item to the workshop.", {"label": "Code", "fault": "Fault in one sentence"}),
    (
        "call_carrier",
        "Claim damage with the carrier.",
        {"label": "Code", "carrier": "Carrier", "text": "What happened"},
    ),
    ("dispose", "Send an item to recycling.", {"label": "Code", "reason": "Reason"}),
)

_RESEARCH: tuple[_Spec, ...] = (
    (
        "web_lookup",
        "Search the web; returns titles, dates and snippets.",
        {"query": "Search words", "since": "ISO date"},
    ),
    ("read_page", "Text of a page found before.", {"url": "Address"}),
    ("statistics", "Series of a statistics office.", {"series": "Series code", "region": "Country code"}),
    (
        "internal_sales",
        "Sales by category and week.",
        {"category": "Category code", "weeks": "Number of weeks"},
    ),
    ("exchange_rate", "Rate of a currency on a date.", {"currency": "Code", "date": "ISO date"}),
)

_HAND_OVER: tuple[_Spec, ...] = (
    ("hand_to_researcher", "Start a researcher on one part of the question.",
     {"aim": "What to find out", "sources": "What to prefer", "form": "Form of the result"}),
    ("internal_sales", "Sales by category and week.", {"category": "Category code", "weeks": "Number of weeks"}),
    ("finish", "Declare the research complete.", {"note": "One sentence"}),
)  # fmt: skip


def _rendered(spec: _Spec, endpoint: Literal["chat", "responses"]) -> str:
    name, description, fields = spec
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {key: {"type": "string", "description": says} for key, says in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters}
    whole = (
        {"type": "function", "function": {**function, "strict": True}}
        if endpoint == "chat"
        else {"type": "function", **function, "strict": True}
    )
    return msgspec.json.encode(whole).decode()


SUPPORT = tuple(_rendered(spec, "responses") for spec in _SUPPORT)
WAREHOUSE = tuple(_rendered(spec, "chat") for spec in _WAREHOUSE)
RESEARCH = tuple(_rendered(spec, "responses") for spec in _RESEARCH)
HAND_OVER = tuple(_rendered(spec, "responses") for spec in _HAND_OVER)


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(endpoint: Literal["chat", "responses"], name: str, shape: dict[str, Any]) -> str:
    inner = {"name": name, "strict": True, "schema": shape}
    whole = (
        {"type": "json_schema", "json_schema": inner}
        if endpoint == "chat"
        else {"type": "json_schema", **inner}
    )
    return msgspec.json.encode(whole).decode()


_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}

TRIAGE_SCHEMA = _schema(
    "chat",
    "triage",
    _object(
        queue={
            "type": "string",
            "enum": [
                "delivery",
                "returns",
                "damage",
                "billing",
                "account",
                "product",
                "cancellation",
                "other",
            ],
        },
        language=_TEXT,
        urgency={"type": "string", "enum": ["low", "normal", "high"]},
    ),
)
INVOICE_SCHEMA = _schema(
    "responses",
    "invoice",
    _object(
        supplier=_MAYBE,
        invoice_number=_MAYBE,
        invoice_date=_MAYBE,
        due_date=_MAYBE,
        currency=_MAYBE,
        net=_MAYBE,
        vat=_MAYBE,
        gross=_MAYBE,
        totals_agree={"type": "boolean"},
        iban=_MAYBE,
        purchase_order=_MAYBE,
        lines={
            "type": "array",
            "items": _object(text=_TEXT, quantity=_TEXT, unit_price=_TEXT, amount=_TEXT),
        },
    ),
)
LABEL_SCHEMA = _schema(
    "chat",
    "label",
    _object(
        category=_MAYBE,
        room={"type": "string", "enum": ["living", "bedroom", "kitchen", "bath", "outdoor", "office", "any"]},
        material=_MAYBE,
        colour=_MAYBE,
        fragile={"type": "boolean"},
    ),
)
JSON_OBJECT = '{"type":"json_object"}'
