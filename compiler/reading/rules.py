"""`rules/*.toml` -> named rules as they were written; `slots` says what each is for."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Text, Value
from compiler.reading import fields, names
from compiler.reading.fields import Fields, Log


@dataclass(frozen=True)
class NamedRule:
    """A rule of `rules/*.toml`; None where its expression could not be read."""

    name: str
    written: Text | None


def read_rules(documents: Mapping[str, Value], log: Log) -> dict[str, NamedRule]:
    """The rules of all files. A name stands once in all of them."""
    rules: dict[str, NamedRule] = {}
    places: dict[str, Value] = {}
    for document in documents.values():
        for name, value in fields.table_of(document, log).items():
            names.check_name(value, name, "rule", log)
            first = places.setdefault(name, value)
            if first is not value:
                log.append(misfit.rule_named_twice(value.key, name, first.key))
            rules.setdefault(name, _read_rule(name, value, log))
    return rules


def _read_rule(name: str, value: Value, log: Log) -> NamedRule:
    rule = Fields(value, "a rule", log)
    written = rule.need("expr", fields.written, None)
    rule.take("description", fields.text, "")
    rule.close()
    return NamedRule(name, written)
