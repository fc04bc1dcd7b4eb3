"""Shopper-facing names for the till's names: titles, categories, departments, sizes.

The source names products as a till does (`FLUID MILK WHITE ONLY`, `FRZN BAGGED VEGETABLES - PLAIN`). The commonest
types have a name written by hand in `arms/titles.csv`; all others are spelt out by the rules of this file.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path

DEPARTMENTS = {
    "MEAT-PCKGD": "packaged-meat",
    "SEAFOOD-PCKGD": "seafood",
    "PASTRY": "bakery",
    "DRUG GM": "drug-gm",
    "TRAVEL & LEISURE": "leisure",
    "FROZEN GROCERY": "grocery",
}
SPOKEN = {"drug-gm": "household and care", "grocery": "pantry goods", "salad-bar": "salad bar"}
WORDS = {
    "FRZN": "Frozen",
    "FRZ": "Frozen",
    "REFRIG": "Chilled",
    "REFRIGERATED": "Chilled",
    "REFRGRATD": "Chilled",
    "SFT": "Soft",
    "DRNK": "Drink",
    "DRNKS": "Drinks",
    "DRNKING": "Drinking",
    "BTL": "Bottle",
    "CARB": "Sparkling",
    "CND": "Canned",
    "CAN": "Canned",
    "CATFD": "Cat Food",
    "DOGFD": "Dog Food",
    "PREP": "Prepared",
    "FD": "Food",
    "BKD": "Baked",
    "MISC": "Assorted",
    "MISCELLANEOUS": "Assorted",
    "SALD": "Salad",
    "DRSNG": "Dressing",
    "SNDWCH": "Sandwich",
    "SPRD": "Spread",
    "PNT": "Peanut",
    "BTR": "Butter",
    "VEG": "Vegetable",
    "VEGS": "Vegetables",
    "BRKFST": "Breakfast",
    "WHLSM": "Wholesome",
    "JCE": "Juice",
    "CONC": "Concentrate",
    "DNRS": "Dinners",
    "SGL": "Single",
    "SNGL": "Single",
    "SV": "Serve",
    "SRV": "Serve",
    "MLT": "Multi",
    "PK": "Pack",
    "SS": "Single Serve",
    "RTS": "Ready",
    "IWS": "Sliced",
    "CHIX": "Chicken",
    "PKG": "Pack",
    "SW": "Sweet",
    "GDS": "Goods",
    "FEM": "Feminine",
    "HYGN": "Hygiene",
    "BRD": "Breaded",
    "WTR": "Water",
    "PWDR": "Powder",
    "MXS": "Mixes",
    "BN": "Bean",
    "SNKS": "Snacks",
    "CKYS": "Cookies",
    "CRKR": "Crackers",
    "CNDY": "Candy",
    "TISS": "Tissue",
    "DNR": "Dinner",
    "GRND": "Ground",
    "BNLS": "Boneless",
    "BI": "Bone-in",
    "HBC": "Care",
    "PCKGD": "Packaged",
    "SPLY": "Supplies",
    "BRST": "Breast",
    "TKY": "Turkey",
    "BF": "Beef",
    "ALL": "",
    "NA": "",
    "BULK": "",
    "ONLY": "",
    "BAG": "",
    "REGULAR": "",
}
VAGUE = frozenset(
    {
        "PREMIUM",
        "ECONOMY",
        "TRADITIONAL",
        "MAINSTREAM",
        "LEAN",
        "PRIMAL",
        "ENHANCED",
        "SELECT",
        "FRESH",
        "BLENDS",
        "ENTREES",
        "OTHER",
        "MISCELLANEOUS",
        "NA",
        "VALUE",
        "FAMILY",
        "ORGANIC",
        "PATTIES",
        "RIBS",
        "ANGUS",
        "NATURAL",
        "SPECIALTY",
        "SUPER PREMIUM",
        "REGULAR",
        "BOXED",
        "BETTER FOR YOU",
        "LINKS - RAW",
        "ROLLS - PORK",
        "STICKS/ENROBED",
        "CONES",
    }
)
BY_CASE = frozenset({"PRODUCE", "FLORAL"})
_SIZE = re.compile(r"^(\d+(?:\.\d+)?) (OZ|LB|CT|GA|L|ML|QT|PT|DZ|PK|SQ FT|FL OZ|LITER|ROLL|RL)$")
_UNITS = {
    "GA": "gal",
    "DZ": "dozen",
    "CT": "count",
    "PK": "pack",
    "SQ FT": "sq ft",
    "LITER": "l",
    "RL": "rolls",
    "ROLL": "rolls",
}


def title(product_type: str, category_name: str) -> str:
    """What a shopper reads on a shelf label."""
    known = _written().get((product_type, category_name)) or _written().get((product_type, ""))
    if known:
        return known
    spelt = _spelt(product_type)
    is_vague = (
        product_type in VAGUE or product_type.partition(" - ")[0] in VAGUE or product_type.partition("/")[0] in VAGUE
    )
    whole = f"{spelt} {category(category_name).lower()}" if is_vague or not spelt else spelt
    return _sentence(whole.strip())


def category(name: str) -> str:
    """A category's name as a heading."""
    return _sentence(_spelt(name)) or "Other"


def department(name: str) -> str:
    """A department's slug."""
    return DEPARTMENTS.get(name) or re.sub(r"[^a-z]+", "-", name.lower()).strip("-")


def spoken(slug: str) -> str:
    """A department as it is said in a sentence."""
    return SPOKEN.get(slug, slug.replace("-", " "))


def size(text: str, department_name: str) -> str:
    """The size of one unit; empty where the source gives none, or the size of a whole case."""
    found = _SIZE.match(text.strip())
    if found is None or (department_name in BY_CASE and float(found[1]) > 5):
        return ""
    return f"{found[1]} {_UNITS.get(found[2], found[2].lower())}"


@lru_cache(maxsize=1)
def _written() -> dict[tuple[str, str], str]:
    file = Path(__file__).parent / "arms/titles.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        return {(row["product_type"], row["category"]): row["title"] for row in csv.DictReader(rows)}


def _spelt(name: str) -> str:
    plain = re.sub(r"\(.*?(\)|$)", " ", name)
    head, colon, tail = plain.partition(":")
    plain = f"{tail} {head}" if colon and tail.strip() else plain
    words = re.split(r"[\s\-]+", re.sub(r"\s*/\s*|&", " & ", plain))
    kept = [WORDS.get(word, word) for word in words if word.strip(".,'")]
    text = re.sub(r"\s+", " ", " ".join(word for word in kept if word)).strip(" &-,.")
    *first, last = re.split(r"(?: & )+", text)
    return f"{', '.join(first)} and {last}" if first else last


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].lower() if text else ""
