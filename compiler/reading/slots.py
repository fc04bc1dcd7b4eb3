"""`slots/<name>.toml` -> slots as the bundle will hold them, and the expressions that stand in them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Text, Value
from compiler.reading import fields, names
from compiler.reading.caps import read_cap
from compiler.reading.expressions import ALONE, ELIGIBLE, RERANK, SENTENCE, STATIC_SCORE, Expression, Use, payload_use
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.policies import NO_POLICY, Drawing, policy_for
from compiler.reading.retrieval import Retrieval
from compiler.reading.rules import NamedRule
from compiler.reading.tables import TableSource
from compiler.reading.values import places_of, scalar
from contracts.features import FeatureSchema, Root, ValueType
from contracts.slots import DecisionRight, Diversity, PayloadField, Pin, SlotSpec, Sticky, Term
from engine.kinds import KINDS

_MOST_ANSWERS = 100
_MOST_CANDIDATES = 10_000
_NO_OBJECTIVE: tuple[str | None, tuple[Term, ...]] = (None, ())
_RIGHT = fields.member(DecisionRight, "decision right")
_NAMES = fields.distinct(fields.many(fields.text))


@dataclass(frozen=True)
class SlotSource:
    """A slot as the bundle will hold it, and its inline expressions by rule name.

    `places` maps a key's path in the slot file (`pins[0].item`, `retrieve[1].ids[0]`) to where its value stands.
    """

    spec: SlotSpec
    expressions: tuple[Expression, ...]
    where: Where
    places: Mapping[str, Where]


@dataclass(frozen=True)
class Declared:
    """What a slot may name: tables, features, purposes, rules, models. Without `has_all_rules` there are others."""

    tables: Mapping[str, TableSource]
    schema: FeatureSchema
    rules: Mapping[str, NamedRule]
    models: tuple[str, ...]
    has_all_rules: bool


def read_slot(name: str, value: Value, declared: Declared, log: Log) -> SlotSource:
    """One slot file."""
    names.check_name(value, name, "slot", log)
    reading = _Reading(name, Fields(value, "a slot", log), declared)
    spec = reading.spec()
    reading.slot.close()
    _check_size(reading.slot, spec, log)
    return SlotSource(spec, tuple(reading.expressions), value.where, places_of(value))


def check_caps(slots: Mapping[str, SlotSource], log: Log) -> None:
    """Logs caps of one name, which would count together, and synced ones that nobody consented to."""
    counts = Counter(cap.name for slot in slots.values() for cap in slot.spec.caps)
    for slot in slots.values():
        for index, cap in enumerate(slot.spec.caps):
            if counts[cap.name] > 1:
                log.append(misfit.cap_named_twice(slot.places[f"caps[{index}].name"], cap.name))
            if cap.is_synced and not slot.spec.purposes:
                log.append(misfit.synced_without_purpose(slot.places[f"caps[{index}].synced"], cap.name))


class _Reading:
    """One slot while it is read: its table decides what the keys after it may say."""

    def __init__(self, name: str, slot: Fields, declared: Declared) -> None:
        self.slot = slot
        self.expressions: list[Expression] = []
        self._name = name
        self._declared = declared
        self._kind = slot.need("kind", fields.known(KINDS, "slot kind"), "")
        self._table = slot.need("table", fields.known(declared.tables, "table"), "")

    def spec(self) -> SlotSpec:
        """All keys, in the order in which they matter."""
        slot, declared = self.slot, self._declared
        rule = fields.known(declared.rules, "rule") if declared.has_all_rules else fields.text
        rule_names = fields.distinct(fields.many(rule))
        source = declared.tables.get(self._table)
        retrieval = Retrieval(self._name, self._table, source, declared.schema, self.expressions)
        objective, terms = slot.take("objective", self._read_objective, _NO_OBJECTIVE)
        return SlotSpec(
            name=self._name,
            kind=self._kind,
            table=self._table,
            component=slot.need("component", fields.text, ""),
            size=slot.take("size", fields.whole(1, _MOST_ANSWERS), 1),
            purposes=slot.take("purposes", self._purposes(), ()),
            use_cases=slot.take("use_cases", _NAMES, ()),
            decision_right=slot.take("decision_right", _RIGHT, DecisionRight.CONTENT),
            sticky=slot.take("sticky", fields.member(Sticky, "value of `sticky`"), Sticky.SESSION),
            eligible=self._inline("eligible", ELIGIBLE),
            retrieve=slot.need("retrieve", retrieval.read_all, ()),
            cap_candidates=slot.take("cap_candidates", fields.whole(1, _MOST_CANDIDATES), 1000),
            guards=slot.take("guards", rule_names, ()),
            model=slot.take("model", fields.known(declared.models, "model"), None),
            score=self._inline("score", STATIC_SCORE),
            other_models=slot.take("other_models", self._other_models(), ()),
            objective=objective,
            terms=terms,
            boosts=slot.take("boosts", rule_names, ()),
            policy=slot.need("policy", policy_for(self._drawing()), NO_POLICY),
            shadow=slot.take("shadow", policy_for(self._drawing()), None),
            pins=slot.take("pins", fields.many(_read_pin), ()),
            diversity=slot.take("diversity", self._diversity(), None),
            caps=slot.take("caps", fields.many(read_cap), ()),
            is_deduplicated=slot.take("deduplicated", fields.flag, False),
            payload=slot.take("payload", self._read_payload, {}),
            offer=self._inline("offer", SENTENCE),
            why=self._inline("why", SENTENCE),
            plain=slot.need("plain", fields.table(scalar), {}),
            fallback_keys=slot.take("fallback_keys", _fallback_keys(declared.schema), ()),
        )

    def _inline(self, key: str, use: Use) -> str | None:
        return self._add(key, self.slot.take(key, fields.written, None), use)

    def _add(self, place: str, written: Text | None, use: Use) -> str | None:
        if written is None:
            return None
        self.expressions.append(Expression(f"slots/{self._name}:{place}", written, use, (self._table,)))
        return self.expressions[-1].name

    def _other_models(self) -> Reader[tuple[str, ...]]:
        """Models of the bundle that an expression can name: `scores.<model>` reads them."""
        reader = fields.distinct(fields.many(fields.known(self._declared.models, "model")))

        def read(value: Value, log: Log) -> tuple[str, ...] | None:
            listed = value.raw if isinstance(value.raw, tuple) else ()
            entries = {each.raw: each for each in listed if isinstance(each.raw, str)}
            names.readable(entries, "model beside another", log)
            return reader(value, log)

        return read

    def _read_objective(self, value: Value, log: Log) -> tuple[str | None, tuple[Term, ...]] | None:
        """One expression, or terms by name."""
        if not isinstance(value.raw, Mapping):
            return self._add("objective", fields.written(value, log), RERANK), ()
        entries = names.readable(value.raw, "term", log)
        return None, tuple(self._read_term(name, entry, log) for name, entry in entries.items())

    def _read_term(self, name: str, value: Value, log: Log) -> Term:
        term = Fields(value, "a term of an objective", log)
        written = term.need("expr", fields.written, None)
        weight = term.take("weight", fields.number(), 1.0)
        term.close()
        return Term(name=name, weight=weight, rule=self._add(value.path, written, RERANK) or "")

    def _read_payload(self, value: Value, log: Log) -> dict[str, PayloadField]:
        entries = names.readable(fields.table_of(value, log), "payload field", log)
        return {name: self._read_payload_field(entry, log) for name, entry in entries.items()}

    def _read_payload_field(self, value: Value, log: Log) -> PayloadField:
        field = Fields(value, "a payload field", log)
        kind = field.need("type", fields.member(ValueType, "type"), ValueType.STRING)
        written = field.need("expr", fields.written, None)
        field.close()
        use = ALONE if field.is_faulty("type") else payload_use(kind)
        return PayloadField(type=kind, rule=self._add(value.path, written, use) or "")

    def _purposes(self) -> Reader[tuple[str, ...]]:
        return fields.distinct(fields.many(fields.known(self._declared.schema.purposes, "purpose")))

    def _drawing(self) -> Drawing:
        declared = self._declared
        tables = (declared.tables[self._table],) if self._table in declared.tables else ()
        return Drawing((self._kind,) if self._kind else (), tables, declared.schema)

    def _diversity(self) -> Reader[Diversity]:
        table = self._declared.tables.get(self._table)
        columns = [column.name for column in table.columns] if table else []

        def read(value: Value, log: Log) -> Diversity:
            diversity = Fields(value, "a diversity limit", log)
            reader = fields.known(columns, "column") if columns else fields.text
            column = diversity.need("column", reader, "")
            at_most = diversity.need("at_most", fields.whole(1, _MOST_ANSWERS), 1)
            diversity.close()
            return Diversity(column=column, at_most=at_most)

        return read


def _read_pin(value: Value, log: Log) -> Pin:
    pin = Fields(value, "a pin", log)
    item = pin.need("item", fields.text, "")
    position = pin.need("position", fields.whole(0, _MOST_ANSWERS - 1), 0)
    pin.close()
    return Pin(item=item, position=position)


def _fallback_keys(schema: FeatureSchema) -> Reader[tuple[str, ...]]:
    """Names of request features with finitely many values: a table needs one row for each."""
    request = schema.of(Root.REQUEST)
    is_finite = {spec.name: bool(spec.values) or spec.type is ValueType.BOOL for spec in request}

    def read(value: Value, log: Log) -> str | None:
        name = fields.known(is_finite, "request feature")(value, log)
        if name is not None and not is_finite[name]:
            log.append(misfit.endless_fallback_key(value.where, name))
        return name

    return fields.distinct(fields.many(read))


def _check_size(slot: Fields, spec: SlotSpec, log: Log) -> None:
    kind = KINDS.get(spec.kind)
    if kind is None:
        return
    quotas = sum(generator.quota for generator in spec.retrieve)
    if quotas > spec.cap_candidates:
        log.append(misfit.quotas_over_cap(slot.where("retrieve"), quotas, spec.cap_candidates))
    if spec.other_models and spec.model in (None, *spec.other_models):
        log.append(misfit.other_models_alone(slot.where("other_models")))
    positions = kind.positions(spec.size)
    if positions < spec.size:
        log.append(misfit.size_of_one_answer(slot.where("size"), spec.kind, spec.size))
    _check_pins(slot, spec, positions, log)


def _check_pins(slot: Fields, spec: SlotSpec, positions: int, log: Log) -> None:
    """Pins of one position; those outside the slot, where its size is one that it can have."""
    taken = Counter(pin.position for pin in spec.pins)
    is_size_known = spec.size <= positions and not slot.is_faulty("size")
    is_outside = is_size_known and any(position >= positions for position in taken)
    if is_outside or any(count > 1 for count in taken.values()):
        log.append(misfit.pins_do_not_fit(slot.where("pins"), positions))
