"""The cells of the consent matrix, lived through on a real edge in simulation, and the page that shows them.

In every cell a browser with a past (it granted everything, filled a cart) makes its choice, sends its signals, opens
the page and reports what it did; the feed knows it. What the edge then read, set and wrote down is observed from
outside: the lookups in its snapshot, cookies, the records and events in its spool, and the bytes on its disk.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path

import httpx
from msgspec.structs import replace
from simulator import RunningEdge, SimulatedEdge, event, with_section

from contracts.bundle import Bundle
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, FoldSpec, Root, ValueType
from contracts.record import DecisionRecord
from contracts.rule_ir import Form, Place, Read, Rule, RuleIR
from contracts.slots import PayloadField, SlotSet
from contracts.visitor_state import VisitorState
from edge.activation import Live
from edge.spool import Kind
from edge.visitor_features import VisitorFeatures, known_visitors
from engine.snapshot import Snapshot

ALL = ("personalisation", "statistics")
BOT = {"User-Agent": "Examplebot/2.1 (+https://example.org/bot)"}
GPC = {"Sec-GPC": "1"}
STATES: dict[str, dict[str, object] | None] = {
    "no choice yet": None,
    "granted all before": {},
    "granted all": {"granted": list(ALL)},
    "granted statistics": {"granted": ["statistics"]},
    "granted personalisation": {"granted": ["personalisation"]},
    "granted nothing": {"granted": []},
    "opted out": {"opted_out": True},
}
SIGNALS = {"none": {}, "Sec-GPC": GPC, "bot": BOT, "Sec-GPC, bot": {**GPC, **BOT}}
EXTRA = (
    FeatureSpec(name="segment", root=Root.VISITOR, type=ValueType.STRING, purpose="statistics", default=""),
    FeatureSpec(name="income", root=Root.VISITOR, type=ValueType.INT, purpose="statistics", is_sensitive=True),
    FeatureSpec(
        name="zip", root=Root.REQUEST, type=ValueType.STRING, purpose="statistics", default="", is_sensitive=True
    ),
    FeatureSpec(
        name="searched",
        root=Root.VISITOR_STATE,
        type=ValueType.INT,
        purpose="statistics",
        is_sensitive=True,
        fold=FoldSpec(fold="count", event="search"),
    ),
)
ZIP = "10115"
TELLS_ZIP = Rule(
    name="tells_zip",
    form=Form.REQUEST,
    type="string",
    place=Place(file="test", line=1, column=1),
    nodes=(Read(type="string", root=Root.REQUEST, field="zip"),),
)
CHANGES: dict[str, dict[str, object]] = {
    "for-you": {"purposes": ALL},
    "delivery": {"payload": {"to": PayloadField(type=ValueType.STRING, rule=TELLS_ZIP.name)}},
}
SHOWN = ("hero", "for-you", "delivery")
VALUES = {"affinity": {"green": 1.0}, "orders": 4, "segment": "loyal", "income": 50_000}


@dataclass(frozen=True)
class Cell:
    """What was observed of one combination. Names are comma-separated, sorted; `-` is nothing."""

    choice: str
    signals: str
    features_read: str
    state_read: str
    context_read: str
    caps_read: str
    cookie_set: str
    ids_in_records: str
    ids_in_events: str
    values_in_records: str
    masked: str
    assigned: str
    propensities: str
    causes: str


HEADINGS = {
    "choice": "choice",
    "signals": "signals",
    "features_read": "features of the feed read",
    "state_read": "visitor state read",
    "context_read": "context of a purpose read",
    "caps_read": "exposures counted and read",
    "cookie_set": "cookie set",
    "ids_in_records": "ids in records",
    "ids_in_events": "ids in events",
    "values_in_records": "visitor values in records",
    "masked": "masked in records",
    "assigned": "in experiments",
    "propensities": "propensities logged",
    "causes": "tier and cause of `hero`, `for-you`, `delivery`",
}


def bundle_of(tea: Bundle) -> Bundle:
    """The tea shop with a second purpose, features for it, a shelf that needs both, a ZIP code that is shown; nobody is
    held out.
    """
    schema = tea.read("schema", FeatureSchema)
    features = (*schema.features, *EXTRA)
    shop = tea.read("slots", SlotSet)
    rules = tea.read("rules", RuleIR)
    slots = tuple(replace(slot, **CHANGES.get(slot.name, {})) for slot in shop.slots)
    tea = with_section(tea, "rules", replace(rules, rules={**rules.rules, TELLS_ZIP.name: TELLS_ZIP}))
    bundle = with_section(tea, "schema", replace(schema, purposes=ALL, features=features))
    bundle = with_section(bundle, "slots", replace(shop, slots=slots))
    return with_section(bundle, "experiments", replace(tea.read("experiments", ExperimentSpec), holdouts=()))


@dataclass(frozen=True, eq=False)
class Asked(VisitorFeatures):
    """The visitors of a snapshot, noting who is asked for."""

    asked: list[str] = field(default_factory=list)

    def __getitem__(self, pseudonym: str) -> Mapping[str, FeatureValue]:
        self.asked.append(pseudonym)
        return super().__getitem__(pseudonym)


async def live_through(edge: SimulatedEdge, node: RunningEdge) -> list[Cell]:
    """All cells, each with a browser of its own."""
    await node.turns()
    combinations = product(STATES, SIGNALS)
    return [await Browser(edge, node, number).cell(*each) for number, each in enumerate(combinations)]


class Browser:
    """One cell's browser."""

    def __init__(self, edge: SimulatedEdge, node: RunningEdge, number: int) -> None:
        self.edge = edge
        self.node = node
        self.number = number
        self.client = httpx.AsyncClient(transport=node.client._transport, base_url="https://edge")
        self.identities: set[str] = set()
        self.said: dict[str, dict[str, dict[str, dict[str, object]]]] = {}

    async def cell(self, choice: str, signals: str) -> Cell:
        headers = SIGNALS[signals]
        if STATES[choice] is not None:
            await self.past()
        asked = self.watch()
        cookies: list[str] = []
        if said := STATES[choice]:
            cookies.append(await self.post("consent", said, headers))
        ask = {"page": "home", "context": {"zip": ZIP, "device": "phone"}}
        cookies.append(await self.post("decide", ask, headers))
        done = [
            event(f"cart {self.number}", "add_to_cart", item="t-02"),
            event(f"seen {self.number}", "exposure", slot="hero", item="classic"),
            event(f"met {self.number}", "exposure", slot="for-you", items=["t-01"]),
        ]
        cookies.append(await self.post("events", {"events": done, "decide": ask}, headers))
        record = self.node.remembered()[-1]
        return await self.observed(choice, signals, asked, cookies, record)

    async def past(self) -> None:
        """Everything was granted once, and used."""
        await self.post("consent", {"granted": list(ALL)}, {})
        done = [
            event(f"past {self.number}", "add_to_cart", item="t-01"),
            event(f"search {self.number}", "search"),
            event(f"met before {self.number}", "exposure", slot="for-you", items=["t-01"]),
        ]
        await self.post("events", {"events": done}, {})
        state = self.state()
        assert state.caps, "exposures were counted"
        units = (state.visitor, f"{state.visitor}/{state.visit}")
        self.identities = {state.visitor, *map(self.node.node.pseudonym, units)}
        self.edge.origin.feeds("visitor", self.node.node.pseudonym(state.visitor), **VALUES)
        await self.node.turns("uplink", "features")
        self.edge.origin.events.clear()
        self.edge.origin.records.clear()

    def watch(self) -> Asked:
        live = self.node.node.in_use()
        known = known_visitors(live.loaded, live.snapshot)
        asked = Asked(known.declared, known.packed)
        self.node.node.live = Live(live.loaded, Snapshot(live.snapshot.tables, asked, live.snapshot.cursor))
        return asked

    async def post(self, path: str, body: dict[str, object], headers: dict[str, str]) -> str:
        """Sends, and says what the answer put into the cookie."""
        answer = await self.client.post(f"/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.said = answer.json()
        if "set-cookie" not in answer.headers:
            return "-"
        state = self.state()
        is_personal = bool(
            state.visitor or state.visit or state.folds or state.caps or state.recent_events or state.unit
        )
        return "visitor" if is_personal else "choice alone"

    def state(self) -> VisitorState:
        held = self.client.cookies.get("__Host-ew")
        return self.node.node.jar.open(f"__Host-ew={held}", self.edge.time.now_us) or VisitorState()

    async def observed(
        self, choice: str, signals: str, asked: Asked, cookies: list[str], record: DecisionRecord
    ) -> Cell:
        on_disk = await self.on_disk()
        assert ZIP.encode() not in on_disk, "sensitive: no byte of it is written down"
        is_told = "request.zip" in record.masked
        told = self.said["slots"]["delivery"]["props"].get("to", "")
        assert told == (ZIP if is_told else ""), "and yet the page shows it"
        self.identities |= {self.state().visitor} - {""}
        await self.node.spooled(Kind.RECORD, 2)
        await self.node.turns("uplink")
        live, request = self.node.node.in_use(), record.request
        personal = {spec.name for spec in live.loaded.schema.of(Root.REQUEST) if spec.purpose is not None}
        events = self.edge.origin.events.values()
        ids = [each.visitor for each in events if each.visitor is not None]
        has_ids = bool(request.units) or any(identity.encode() in on_disk for identity in self.identities)
        slots = {each.slot: each for each in record.result.decisions}
        if "visitor" in cookies:
            assert self.state().caps.keys() == request.exposures.keys(), "what may not be read is not kept"
        found = Cell(
            choice=choice,
            signals=signals,
            features_read=listed(readable(record, "visitor", record.visitor)) if asked.asked else "-",
            state_read=listed(readable(record, "visitor_state", request.visitor_state)),
            context_read=listed(personal.intersection(readable(record, "request", request.context))),
            caps_read=listed(request.exposures),
            cookie_set=listed(set(cookies) - {"-"}),
            ids_in_records="pseudonyms" if has_ids else "-",
            ids_in_events="pseudonym" if ids else "-",
            values_in_records=listed(record.visitor),
            masked=listed(record.masked),
            assigned="yes" if record.result.assignments else "no",
            propensities="yes" if any(each.propensity is not None for each in slots.values()) else "no",
            causes=", ".join(f"{slots[name].tier} {slots[name].cause or ''}".strip() for name in SHOWN),
        )
        await self.client.aclose()
        self.edge.origin.events.clear()
        self.edge.origin.records.clear()
        return found

    async def on_disk(self) -> bytes:
        """Every byte of the spool: what waits for the origin."""
        await self.node.spooled(Kind.RECORD, 2)
        path = self.edge.folder / "state/spool.sqlite"
        with sqlite3.connect(path) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = [row for name in tables for row in database.execute(f"SELECT * FROM {name}")]
        database.close()
        return b"\n".join(part if isinstance(part, bytes) else str(part).encode() for row in rows for part in row)


def readable(record: DecisionRecord, root: str, kept: Mapping[str, object]) -> set[str]:
    """What rules could read of a root: what the record holds, and what it says was masked."""
    named = {each.partition(".")[2] for each in record.masked if each.partition(".")[0] == root}
    return set(kept) | named


def listed(names: object) -> str:
    return ", ".join(sorted(names)) or "-"  # type: ignore[call-overload, no-any-return]


PAGE = Path(__file__).parents[2] / "docs/reference/consent.md"
_HEAD = """<!-- Written by tests/conformance/test_consent_matrix.py from what it saw. Change the code instead. -->

# Consent

What a node reads, sets and writes down, by what the visitor chose and what the browser says. Every row was lived
through on an edge in simulation: a browser that had once granted everything, whose features the feed knows, makes the
choice (`granted all before`: makes none now), sends the signals, opens the page and reports events. `-` means nothing.

"""
_TAIL = """
- `hero` requires the purpose `personalisation`, `delivery` none. `for-you` requires two, and is plain unless both are
  granted.
- What is not granted is not looked up: the feature reads as its default, and without any grant nobody is asked for.
- Sec-GPC, opting out and being a bot grant nothing, whatever was chosen; a bot is told by its User-Agent. A headless
  browser is one, too: a test that wants a full shop names another User-Agent.
- A cookie from before stays in the browser under Sec-GPC, unread but for the choice, and is not renewed.
- Ids are keyed pseudonyms. `decision_id`, event ids and request ids are random and name no visitor.
- Sensitive features (here `zip`, `income`, `searched`) are never written down, nor is what a slot made of them (here
  `delivery` shows `zip`); the record names them as masked.
- Exposures are counted for a slot's caps once all of its purposes are granted. Withdrawn, their counters go.
- A propensity is the probability of an answer and says nothing of who got it.
"""


def page(cells: list[Cell]) -> str:
    """The page, entirely."""
    names = [each.name for each in fields(Cell)]
    rows = [[getattr(cell, name) for name in names] for cell in cells]
    table = [[HEADINGS[name] for name in names], ["---"] * len(names), *rows]
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in table) + _TAIL
