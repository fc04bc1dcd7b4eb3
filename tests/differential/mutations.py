"""Rule IR made wrong: plain values and bytes as an attacker or a broken disk would send them.

A rule here is what msgpack decodes to, so wrong types, unknown fields and absurd sizes can be said. Half of the changes
keep the tree in shape, that they may get past the verifier's first look. Chance is an argument.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any, TypeAlias

import msgpack

from contracts.rule_ir import IR_VERSION
from engine.programs.functions import FUNCTIONS
from engine.programs.macros import MACROS

Plain: TypeAlias = Any
Rule: TypeAlias = dict[str, Plain]
OPS = ("const", "read", "has", "call", "dispatch", "list", "map", "variable", "macro", "nothing")
TYPES = (
    *("bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "type", "dyn", "never"),
    *("list(string)", "list(int)", "list(dyn)", "list(A)", "list(list(int))", "optional(int)", "optional(dyn)"),
    *("map(string,double)", "map(string, int)", "map(int,int)", "map(dyn,dyn)", "map(list(int),int)"),
    *("A", "", "list(", "map(", "map(,)", "list()", "map(string)", "optional", "list(" * 20 + ")" * 20, "x" * 5_000),
)
NUMBERS = (0, 1, -1, 2, 3, 7, 63, 64, 255, 2_000, 65_536, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))
VALUES: tuple[Plain, ...] = (
    *(None, True, False, 0.0, -0.0, 1.5, 5e-324, 1e308, float("inf"), float("nan"), "", "a", "é😀", "\0", "a" * 70_000),
    *("UTC", "int", "YWI=", "(((((", "(a*)*", "[[:alpha:]]{1000}", "%s%d%.999f", "2017-11-27T05:00:00Z", "9" * 400),
    *(b"", b"\xff\x00", [], {}, [None], [[[]]], {"a": 1}, "../../etc/passwd", "x" * 2_000_000),
)


def changed(rules: Sequence[Rule], random: Random) -> bytes:
    """The bytes of one of these rules, changed once or a few times, as a section of rules."""
    rule = deepcopy(random.choice(rules))
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if _has_nodes(rule):
            random.choice(_CHANGES)(rule, rules, random)
    sent: bytes = msgpack.packb({"ir_version": IR_VERSION, "rules": {"x": rule}}, use_bin_type=True)
    return _scrambled(sent, random) if random.random() < 0.15 else sent


def _scrambled(sent: bytes, random: Random) -> bytes:
    place = random.randrange(len(sent))
    match random.randrange(4):
        case 0:
            return sent[:place]
        case 1:
            return sent[:place] + random.randbytes(random.choice((1, 1, 2, 9))) + sent[place + 1 :]
        case 2:
            return sent[:place] + sent[random.randrange(len(sent)) :]
    return sent[:place] + bytes([sent[place] ^ 1 << random.randrange(8)]) + sent[place + 1 :]


def _has_nodes(rule: Rule) -> bool:
    """Whether changes have anything to hold on to."""
    nodes = rule["nodes"]
    return isinstance(nodes, list) and bool(nodes) and all(isinstance(node, dict) for node in nodes)


def _set_value(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """Any field of any node becomes anything."""
    node = random.choice(rule["nodes"])
    field = random.choice([*node, "at", "value", "nothing"])
    node[field] = random.choice(random.choice((VALUES, NUMBERS, TYPES)))


def _set_constant(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    constants = [node for node in rule["nodes"] if node.get("op") == "const"]
    if constants:
        node = random.choice(constants)
        same = [value for value in (*VALUES, *NUMBERS) if type(value) is type(node.get("value"))]
        node["value"] = random.choice(same or VALUES)


def _set_type(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    (rule if random.random() < 0.2 else random.choice(rule["nodes"]))["type"] = random.choice(TYPES)


def _set_function(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """Another function, mostly one of the same signature."""
    calls = [node for node in rule["nodes"] if node.get("op") == "call" and str(node.get("function")) in FUNCTIONS]
    if calls:
        node = random.choice(calls)
        known = FUNCTIONS[str(node["function"])]
        alike = [each.id for each in FUNCTIONS.values() if (each.params, each.result) == (known.params, known.result)]
        node["function"] = random.choice(alike if random.random() < 0.7 else [*FUNCTIONS, "nothing"])


def _set_macro(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    for node in rule["nodes"]:
        if node.get("op") == "macro" and random.random() < 0.5:
            node["macro"] = random.choice(list(MACROS))


def _set_places(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """Children that are elsewhere, twice, or not at all."""
    node = random.choice(rule["nodes"])
    lists = [field for field in ("args", "items", "keys", "values", "slots", "bodies", "optional") if node.get(field)]
    places = node[random.choice(lists)] if lists else None
    if isinstance(places, list):
        places[random.randrange(len(places))] = random.choice((*NUMBERS, len(rule["nodes"])))
        if random.random() < 0.3:
            places.append(random.choice(places))


def _set_slots(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    for node in rule["nodes"]:
        if node.get("op") == "variable" and random.random() < 0.5:
            node["slot"] = random.choice(NUMBERS)


def _swap(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    nodes = rule["nodes"]
    first, second = random.randrange(len(nodes)), random.randrange(len(nodes))
    nodes[first], nodes[second] = nodes[second], nodes[first]


def _drop(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    del rule["nodes"][random.randrange(len(rule["nodes"]))]


def _grow(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """One node more, out of nothing."""
    places = [random.choice((0, 1, 2, len(rule["nodes"]) - 1)) for _ in range(random.randrange(4))]
    node: dict[str, Plain] = {"op": random.choice(OPS), "type": random.choice(TYPES)}
    extras: dict[str, dict[str, Plain]] = {
        "const": {"value": random.choice(VALUES)},
        "read": {"root": random.choice(("item", "request", "now", "score", "x")), "field": "int_0"},
        "has": {"root": "item", "field": "int_0"},
        "call": {"function": random.choice(list(FUNCTIONS)), "args": places},
        "dispatch": {"name": random.choice(list(FUNCTIONS.values())).name, "args": places},
        "list": {"items": places},
        "map": {"keys": places, "values": places},
        "variable": {"slot": random.choice(NUMBERS)},
        "macro": {"macro": random.choice(list(MACROS)), "over": 0, "slots": places, "bodies": places},
    }
    node |= extras.get(str(node["op"]), {})
    rule["nodes"].insert(random.randint(0, len(rule["nodes"])), node)


def _join(rule: Rule, rules: Sequence[Rule], random: Random) -> None:
    """Two trees under one root: a call, a list or a macro of both."""
    other, nodes = deepcopy(random.choice(rules)), rule["nodes"]
    offset = len(nodes)
    nodes += [_shifted(node, offset) for node in other["nodes"]]
    first, second = offset - 1, len(nodes) - 1
    two = ["equals", *(each.id for each in FUNCTIONS.values() if len(each.params) == 2)]
    function = FUNCTIONS[random.choice((two[0], random.choice(two)))]
    call = {"op": "call", "type": function.result, "function": function.id, "args": [first, second], "at": 0}
    listed = {"op": "list", "type": f"list({other['type']})", "items": [first, second], "at": 0}
    macro = {"op": "macro", "macro": random.choice(list(MACROS)), "over": first, "slots": [0], "bodies": [second]}
    nodes.append(random.choice((call, call, listed, {**macro, "type": "bool", "at": 0})))
    rule["type"] = nodes[-1]["type"]


def _repeat(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """A root over itself again and again: depth, or a broad list."""
    nodes = rule["nodes"]
    count = random.choice((10, 62, 64, 66, 500))
    unary = random.choice([each for each in FUNCTIONS.values() if len(each.params) == 1])
    for _ in range(count):
        nodes.append({"op": "call", "type": unary.result, "function": unary.id, "args": [len(nodes) - 1], "at": 0})
    rule["type"] = unary.result


def _flood(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    """Far too many of something."""
    count = random.choice((1_000, 2_001, 20_000))
    nodes = rule["nodes"]
    start = len(nodes)
    nodes += [{"op": "const", "type": "int", "value": place, "at": 0} for place in range(count)]
    nodes.append({"op": "list", "type": "list(int)", "items": list(range(start, start + count)), "at": 0})
    rule["name"] = random.choice(("x", "x" * count))


def _set_rule(rule: Rule, _: Sequence[Rule], random: Random) -> None:
    field = random.choice(("name", "form", "type", "place", "nodes", "nothing"))
    rule[field] = random.choice((*VALUES, "columns", "request", {"file": "x", "line": -1, "column": 2**70 % 2**64}))


def _shifted(node: dict[str, Plain], offset: int) -> dict[str, Plain]:
    moved = dict(node)
    for field in ("args", "items", "keys", "values", "bodies"):
        if isinstance(moved.get(field), list):
            moved[field] = [place + offset if type(place) is int else place for place in moved[field]]
    if type(moved.get("over")) is int:
        moved["over"] += offset
    return moved


_CHANGES: tuple[Callable[[Rule, Sequence[Rule], Random], None], ...] = (
    *(_set_value, _set_constant, _set_constant, _set_type, _set_function, _set_function, _set_macro, _set_places),
    *(_set_slots, _swap, _drop, _grow, _grow, _join, _join, _repeat, _flood, _set_rule),
)
