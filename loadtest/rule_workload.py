"""What `rule_bench` runs: rules as shops write them, visitors to ask about, candidates to guard.

Every value exists twice, as our engine holds it and as plain dicts for libraries that know no columns. Visitors and
candidates are many and are taken in turn, for a program that sees one input over and over looks faster than it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from compiler.cel.check import check_alone
from compiler.cel.lower import lower
from compiler.places import SourceText, Text
from compiler.reading.expressions import ALONE, GUARD, Expression
from contracts.catalog import ColumnSpec, TableSpec
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, Root, Status, Value, ValueType
from contracts.rule_ir import Form, Rule
from engine.column import Array, Column
from engine.programs.values import Batch, Scope
from engine.snapshot import Table

NOW_US = 1_511_758_800_000_000
NOW_S = NOW_US // 1_000_000
NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)
CATALOG_ROWS = 50_000
HIGHEST_PRICE = 1_500
REQUEST_RULES = (
    "visitor.orders >= 3 && visitor.spend > 150.0",
    "request.device == 'phone'",
    "request.country in ['DE', 'AT', 'CH']",
    "visitor.segment == 'loyal' || visitor.is_vip",
    "'tea-042' in visitor.items",
    "size(visitor_state.cart) > 0 && size(visitor_state.cart) <= 5",
    "request.zip.startsWith('94')",
    "visitor.spend / double(visitor.orders + 1) > 30.0",
    "request.now_s - visitor.last_seen_s < 2592000",
    "now.getHours() >= 8 && now.getHours() < 20",
    "visitor.affinity['green'] > 0.5",
    "request.device == 'desktop' ? visitor.spend > 100.0 : visitor.spend > 50.0",
    "visitor_state.views % 5 == 0",
    "!request.is_bot && visitor.orders > 0",
    "visitor.segment.endsWith('al')",
    "visitor.orders * 2 + visitor_state.views > 10",
    "visitor.segment != 'churned' && visitor.orders > 0",
    "request.referrer.contains('news')",
    "has(visitor.spend) && visitor.spend < 1000.0",
    "visitor.spend > 500.0 && visitor.is_vip && request.device != 'tablet' || visitor.segment == 'loyal'",
)
GUARDRAIL = (
    "item.stock > 0 && item.price >= item.map_price && item.margin >= 0.1 && item.price <= request.highest_price"
)
_KINDS: dict[Root, dict[str, ValueType]] = {
    Root.REQUEST: {
        "device": ValueType.STRING,
        "country": ValueType.STRING,
        "zip": ValueType.STRING,
        "referrer": ValueType.STRING,
        "is_bot": ValueType.BOOL,
        "now_s": ValueType.INT,
    },
    Root.VISITOR_STATE: {"cart": ValueType.STRINGS, "views": ValueType.INT},
    Root.VISITOR: {
        "orders": ValueType.INT,
        "spend": ValueType.DOUBLE,
        "segment": ValueType.STRING,
        "is_vip": ValueType.BOOL,
        "items": ValueType.STRINGS,
        "affinity": ValueType.NUMBERS,
        "last_seen_s": ValueType.INT,
    },
}
_COLUMN_KINDS = {
    "stock": ValueType.INT,
    "price": ValueType.INT,
    "map_price": ValueType.INT,
    "margin": ValueType.DOUBLE,
}
SCHEMA = FeatureSchema(
    purposes=(),
    features=(
        *(
            FeatureSpec(name=name, root=root, type=kind)
            for root, kinds in _KINDS.items()
            for name, kind in kinds.items()
        ),
        FeatureSpec(name="highest_price", root=Root.REQUEST, type=ValueType.INT),
    ),
)
COLUMNS = tuple(ColumnSpec(name=name, type=kind, is_nullable=True) for name, kind in _COLUMN_KINDS.items())
TABLE = TableSpec(name="products", columns=COLUMNS, rows=CATALOG_ROWS)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one request, as a program written by hand would hold it."""

    device: str
    country: str
    zip: str
    referrer: str
    is_bot: bool
    now_s: int
    cart: tuple[str, ...]
    views: int
    orders: int
    spend: float
    segment: str
    is_vip: bool
    items: tuple[str, ...]
    affinity: dict[str, float]
    last_seen_s: int


@dataclass(frozen=True)
class Visitor:
    """One request: its facts, the same as features, and the same as dicts."""

    facts: Facts
    request: dict[str, Value]
    visitor_state: dict[str, Value]
    visitor: dict[str, FeatureValue]
    plain: dict[str, dict[str, object]]

    def scope(self) -> Scope:
        """What closures read, made anew as for each request."""
        return Scope(NOW_US, frozenset(), self.request, self.visitor_state, self.visitor)


@dataclass(frozen=True)
class Candidates:
    """Rows of a table to guard, and the same as one dict each; what is missing is not in its dict."""

    scope: Scope
    table: Table
    rows: Array
    plain: tuple[dict[str, object], ...]
    request: dict[str, object]

    def batch(self) -> Batch:
        """What column programs read, made anew as for each request: nothing is gathered yet."""
        return Batch(self.scope, self.table, self.rows)


def lowered(text: str, form: Form) -> Rule:
    """A rule as the compiler makes it."""
    written = Text(text, SourceText("bench", text), range(len(text) + 1))
    use = ALONE if form is Form.REQUEST else GUARD
    return lower(check_alone(Expression("bench", written, use, ()), SCHEMA, COLUMNS))


def many_rules(count: int) -> list[str]:
    """So many texts, no two alike, so that nothing is kept from one to the next."""
    return [f"({REQUEST_RULES[n % len(REQUEST_RULES)]}) && visitor_state.views != {n}" for n in range(count)]


def draw_visitors(count: int, seed: int) -> list[Visitor]:
    """Different visitors of one shop."""
    rng = np.random.default_rng(seed)
    return [_visitor(rng) for _ in range(count)]


def draw_candidates(sets: int, size: int, seed: int, *, is_nullable: bool, is_gathered: bool) -> list[Candidates]:
    """Sets of candidates: each a table of its own, or, gathered, rows here and there of one large table."""
    rng = np.random.default_rng(seed)
    shared = _table(rng, CATALOG_ROWS, is_nullable=is_nullable) if is_gathered else None
    drawn = []
    for _ in range(sets):
        table = shared or _table(rng, size, is_nullable=is_nullable)
        rows = np.sort(rng.choice(CATALOG_ROWS, size, replace=False)) if is_gathered else np.arange(size)
        drawn.append(_candidates(table, rows))
    return drawn


def _facts(rng: np.random.Generator) -> Facts:
    return Facts(
        device=str(rng.choice(["phone", "desktop", "tablet"])),
        country=str(rng.choice(["DE", "AT", "US", "FR"])),
        zip=f"{rng.integers(90_000, 99_999)}",
        referrer=str(rng.choice(["", "https://news.example/a", "https://search.example/"])),
        is_bot=bool(rng.random() < 0.1),
        now_s=NOW_S,
        cart=tuple(f"tea-{n:03}" for n in rng.integers(0, 200, rng.integers(0, 4))),
        views=int(rng.integers(0, 40)),
        orders=int(rng.integers(0, 20)),
        spend=float(rng.integers(0, 90_000)) / 100.0,
        segment=str(rng.choice(["loyal", "new", "churned", "casual"])),
        is_vip=bool(rng.random() < 0.2),
        items=tuple(f"tea-{n:03}" for n in rng.integers(0, 200, 20)),
        affinity={kind: float(rng.random()) for kind in ("green", "black", "oolong", "white", "herbal")},
        last_seen_s=NOW_S - int(rng.integers(0, 5_000_000)),
    )


def _visitor(rng: np.random.Generator) -> Visitor:
    facts = _facts(rng)
    features = {root: {name: getattr(facts, name) for name in kinds} for root, kinds in _KINDS.items()}
    plain: dict[str, dict[str, object]] = {
        str(root): {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        for root, values in features.items()
    }
    visitor = {name: FeatureValue(value=value, as_of=0) for name, value in features[Root.VISITOR].items()}
    return Visitor(facts, features[Root.REQUEST], features[Root.VISITOR_STATE], visitor, plain)


def _table(rng: np.random.Generator, rows: int, *, is_nullable: bool) -> Table:
    values: dict[str, Array] = {
        "stock": rng.integers(0, 20, rows),
        "price": rng.integers(100, 2000, rows),
        "map_price": rng.integers(100, 900, rows),
        "margin": rng.random(rows),
    }
    missing = {name: (rng.random(rows) < 0.1).astype(np.uint8) * int(Status.MISSING) for name in values}
    columns = {
        name: Column(_COLUMN_KINDS[name], array, status=missing[name] if is_nullable else None)
        for name, array in values.items()
    }
    return Table("products", columns)


def _candidates(table: Table, rows: Array) -> Candidates:
    scope = Scope(NOW_US, frozenset(), {"highest_price": HIGHEST_PRICE}, {}, {})
    names = tuple(table.columns)
    plain: tuple[dict[str, object], ...] = tuple(
        {
            name: table.columns[name].value_at(row)
            for name in names
            if table.columns[name].status_at(row, NOW_US) <= Status.DEFAULT
        }
        for row in rows.tolist()
    )
    return Candidates(scope, table, rows, plain, {"highest_price": HIGHEST_PRICE})
