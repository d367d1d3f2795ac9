"""Vocabulary: what the shop sells, who writes to it, and the numbers in their letters."""

from __future__ import annotations

from random import Random

CATEGORIES = (
    ("LIT-01", "floor lamps", "free-standing lamps above 90 cm, shade and foot sold as one unit"),
    ("LIT-02", "table lamps", "lamps that stand on a surface, mains or battery"),
    ("LIT-03", "pendant lights", "hanging lamps with a canopy, one or several shades"),
    ("FUR-01", "dining chairs", "chairs without armrests meant for a table, sold singly or in pairs"),
    ("FUR-02", "armchairs", "upholstered seats for one person, recliners included"),
    ("FUR-03", "sofas", "upholstered seats for two or more, modular sofas included"),
    ("FUR-04", "bookcases", "open or glazed shelving with its own frame"),
    ("FUR-05", "desks", "work surfaces with legs, height-adjustable frames included"),
    ("TEX-01", "bed linen", "duvet covers, sheets and pillowcases, sets included"),
    ("TEX-02", "curtains", "ready-made curtains, blackout and sheer, without rails"),
    ("TEX-03", "rugs", "woven or tufted floor coverings up to 3 by 4 metres"),
    ("TEX-04", "towels", "bath, hand and guest towels, bath mats excluded"),
    ("KIT-01", "cookware", "pots, pans and casseroles for the hob or the oven"),
    ("KIT-02", "knives", "kitchen knives, sharpeners and blocks"),
    ("KIT-03", "tableware", "plates, bowls and cups for the table"),
    ("KIT-04", "small appliances", "plug-in kitchen appliances below 12 kg"),
    ("STO-01", "baskets", "woven or moulded containers without a lid"),
    ("STO-02", "boxes", "lidded containers, stackable or not"),
    ("GAR-01", "garden furniture", "weatherproof tables, chairs and loungers"),
    ("GAR-02", "planters", "pots and raised beds, saucers included"),
    ("BAT-01", "bathroom storage", "cabinets, trolleys and shelves rated for damp rooms"),
    ("DEC-01", "mirrors", "framed and frameless mirrors, wall or floor"),
    ("DEC-02", "wall clocks", "clocks meant to hang, battery movement"),
    ("SPA-01", "spare parts", "screws, feet, shades, hinges and other replacement parts"),
)
"""Code, name and rule of every product category."""

_STEMS = ("Aldra", "Brisa", "Corvin", "Dunmar", "Elvik", "Fenna", "Galdo", "Hestra", "Ivora", "Jorun")
_NOUNS = {
    "LIT-01": "floor lamp",
    "LIT-02": "table lamp",
    "FUR-01": "dining chair",
    "FUR-02": "armchair",
    "FUR-05": "standing desk",
    "TEX-01": "linen duvet set",
    "TEX-03": "wool rug",
    "KIT-01": "cast-iron casserole",
    "KIT-04": "drip coffee maker",
    "STO-02": "storage box",
    "GAR-01": "garden bench",
    "DEC-01": "wall mirror",
}
PRODUCTS = tuple((f"{stem} {noun}", code) for code, noun in _NOUNS.items() for stem in _STEMS)
"""Product name and category code."""

COLOURS = ("oat", "slate", "forest green", "rust", "off-white", "charcoal", "sky blue", "walnut", "sand")
MATERIALS = ("solid oak", "brushed steel", "recycled polyester", "stonewashed linen", "bamboo", "enamel")
FEATURES = (
    "flat-packed in one box",
    "dishwasher safe",
    "replaceable cover",
    "dimmable in three steps",
    "rated for 120 kg",
    "assembled in under twenty minutes",
    "machine washable at 40 degrees",
    "made without solvents",
    "stackable up to six high",
    "delivered with felt pads",
)
TONES = ("warm", "matter-of-fact", "playful", "understated", "technical")
FIRST = (
    "Anna", "Ben", "Carla", "Deniz", "Emeka", "Farah", "Goran", "Hana", "Ines", "Jonas", "Keiko", "Luca",
    "Mira", "Noor", "Omar", "Petra", "Quentin", "Rosa", "Sven", "Tomasz", "Uma", "Vera", "Wei", "Yusuf",
)  # fmt: skip
LAST = (
    "Abel", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haas", "Ito", "Jansen", "Kaya",
    "Lopez", "Meyer", "Novak", "Okafor", "Peeters", "Rossi", "Sato", "Tran", "Varga", "Weber", "Zielinski",
)  # fmt: skip
CITIES = ("Lyon", "Graz", "Porto", "Turin", "Gent", "Aarhus", "Leeds", "Gdynia", "Sevilla", "Utrecht")
SUPPLIERS = ("Northbay Timber", "Lindqvist Weave", "Ostra Glassworks", "Corda Textile", "Pallet & Sons")
CARRIERS = ("ParcelFox", "RoadLine", "BlueVan")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def code62(rng: Random, length: int) -> str:
    """A random id of letters and digits."""
    return "".join(rng.choices(_BASE62, k=length))


def hexes(rng: Random, length: int) -> str:
    """A random id of hex digits."""
    return f"{rng.getrandbits(4 * length):0{length}x}"


def person(rng: Random) -> str:
    """A made-up first and last name."""
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def order(rng: Random) -> str:
    """An order number as it stands in the shop's letters."""
    return f"AH-{rng.randrange(4_000_000, 4_900_000)}"


def product(rng: Random) -> str:
    """The name of one product."""
    return rng.choice(PRODUCTS)[0]


def day(rng: Random) -> str:
    """A date of the weeks before, ISO form."""
    return f"2026-{rng.choice(('10', '11'))}-{rng.randrange(1, 14):02d}"


def euros(rng: Random, low: int = 9, high: int = 900) -> str:
    """An amount with two decimals, without a currency sign."""
    return f"{rng.randrange(low, high)}.{rng.choice(('00', '50', '90', '95', '99'))}"
