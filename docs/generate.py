"""Writes docs/reference from the code's own tables, so that it cannot say anything else.

`python -m docs.generate` writes the pages; with `--check` it only compares, and exits with 1 where a page is behind.
"""

import argparse
import ast
import importlib
import inspect
import io
import json
import pkgutil
import sys
from contextlib import redirect_stdout, suppress
from itertools import groupby
from pathlib import Path

import contracts
from compiler.reading import expressions
from compiler.reading.expressions import Use
from contracts.codec import Contract
from contracts.decision import REASONS, TIER_OF_CAUSE, Cause, Tier
from contracts.features import ValueType
from contracts.rule_ir import Form
from deploy.cli import COMMANDS, main
from edge.app import ENDPOINTS as EDGE_ENDPOINTS
from engine.programs import limits
from engine.programs.functions import TABLES
from engine.programs.macros import MACROS
from origin.app import ENDPOINTS as ORIGIN_ENDPOINTS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
RULE_LANGUAGE = ROOT / "docs/rule-language.md"
CONFORMANCE = ROOT / "tests/conformance/cel_report.json"
_USES: tuple[tuple[str, Use], ...] = (
    ("`eligible` of a slot", expressions.ELIGIBLE),
    ("`where` of a filter", expressions.WHERE),
    ("`order` of a filter", expressions.ORDER),
    ("`match` of a filter", expressions.MATCH),
    ("a guardrail", expressions.GUARD),
    ("an input of a model", expressions.INPUT),
    ("`score` of a slot", expressions.STATIC_SCORE),
    ("`objective`, boosts", expressions.RERANK),
    ("`why`, `offer`", expressions.SENTENCE),
    ("a field of `payload`", expressions.payload_use(ValueType.STRING)),
)
_LIMITS = {
    "MAX_NODES": "parts (literals, reads, calls) of one rule",
    "MAX_DEPTH": "calls inside calls",
    "MAX_SLOTS": "variables that macros inside macros bind",
    "MAX_TEXT": "characters of a string or bytes that a rule makes, and of all its literals together",
    "MAX_ENTRIES": "entries of a list or map that a rule makes",
    "MAX_ROUNDS": "entries that one macro goes through",
    "MAX_STEPS": "rounds that a rule could take as far as its text tells, those of nested macros multiplied",
    "MAX_ROUNDS_PER_RUN": "rounds of all macros of a rule in one run, shared evenly by macros side by side",
    "MAX_ROUNDS_PER_CANDIDATE": "the same for a rule that runs for each candidate",
    "MAX_COMPARED": "entries that one comparison, or one text, of nested lists and maps looks at",
}
PACKAGES = ("contracts", "engine", "compiler", "edge", "origin", "deploy", "loadtest")
NOTE = "<!-- Written by `make docs`. Change the code, not this page. -->\n\n"


def pages() -> dict[str, str]:
    """All generated pages by file name."""
    return {
        "commands.md": commands(),
        "decisions.md": decisions(),
        "contracts.md": hand_overs(),
        "cel.md": rule_language(),
        "http.md": http(),
        "problems.md": problems(),
        "rooms.md": rooms(),
    }


def commands() -> str:
    """The help text of each command, as it prints it."""
    parts = [
        "# Commands\n\nEvery command takes `--json`. Exit codes: 0 done, 1 the answer is no, 2 malformed input or "
    ]
    parts.append("usage, 3 the bundle cannot run here, 4 the surroundings fail.\n")
    for name in COMMANDS:
        printed = io.StringIO()
        with redirect_stdout(printed), suppress(SystemExit):
            main([name, "--help"])
        parts.append(f"\n## edgewise {name}\n\n```text\n{printed.getvalue().rstrip()}\n```\n")
    return "".join(parts)


def decisions() -> str:
    """Tiers, causes in order of precedence, and the OpenFeature reason of each pair."""
    lines = ["# Tiers, causes, reasons", "", "Causes in order of precedence; the first that holds is named.", ""]
    lines += ["| cause | leads to | reason there | reason where that tier has no answer |", "|---|---|---|---|"]
    for cause in Cause:
        tier = TIER_OF_CAUSE[cause]
        lines.append(f"| `{cause}` | `{tier}` | {REASONS[tier, cause]} | plain: {REASONS[Tier.PLAIN, cause]} |")
    lines += ["", "Without a cause: " + ", ".join(f"`{tier}` is {REASONS[tier, None]}" for tier in Tier) + "."]
    return "\n".join(lines) + "\n"


def hand_overs() -> str:
    """Each contract with its docstring and fields, by module."""
    parts = ["# Contracts\n"]
    for module in pkgutil.iter_modules(contracts.__path__):
        loaded = importlib.import_module(f"contracts.{module.name}")
        types = [kind for kind in vars(loaded).values() if _is_contract_of(kind, loaded.__name__)]
        if types:
            parts.append(f"\n## {module.name}\n\n{inspect.getdoc(loaded)}\n")
        parts += [_hand_over(kind) for kind in types]
    return "".join(parts)


def rule_language() -> str:
    """The language of rules: what they read, macros, functions, limits, and how it is proved against the standard."""
    parts = [RULE_LANGUAGE.read_text().rstrip(), "\n\n## What an expression may read\n\n"]
    parts += ["| written in | runs | may read | gives |\n|---|---|---|---|\n", *map(_use_row, _USES)]
    parts.append("\n## Macros\n\n| written | meaning | example |\n|---|---|---|\n")
    for macro in MACROS.values():
        parts.append(_row("<br>".join(f"`{form}`" for form in macro.written), macro.doc, f"`{macro.example}`"))
    parts.append("\n## Functions\n")
    for title, table in TABLES.items():
        parts.append(f"\n### {title}\n\n| function | meaning | example |\n|---|---|---|\n")
        for (_, doc), alike in groupby(table, key=lambda each: (each.name, each.doc)):
            overloads = list(alike)
            signatures = "<br>".join(f"`{each.signature}`" for each in overloads)
            parts.append(_row(signatures, doc, f"`{overloads[0].example}`"))
    parts += ["\n## Limits\n\n| limit | of |\n|---|---|\n", *map(_row, *_limits())]
    return "".join([*parts, "\n## Against the standard\n\n", _conformance()])


def _use_row(named: tuple[str, Use]) -> str:
    name, use = named
    runs = "once per candidate, as columns" if use.form is Form.COLUMNS else "once"
    return _row(name, runs, ", ".join(f"`{root}`" for root in use.roots), " or ".join(use.results) or "anything")


def _limits() -> tuple[list[str], list[str]]:
    numbers = {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}
    return [f"{value:,}" for value in numbers.values()], [_LIMITS[name] for name in numbers]


def _conformance() -> str:
    report = json.loads(CONFORMANCE.read_text())
    run = report["passed"] + len(report["failed"])
    lines = [f"Of the cases of {report['source']}, {report['passed']:,} of {run:,} pass. Not passed:", ""]
    lines += [f"- `{name}`: {why}" for name, why in report["failed"].items()]
    lines += ["", "Skipped, and counted:", "", "| cases | because of |", "|---|---|"]
    lines += [f"| {count} | {why} |" for why, count in report["skipped"].items()]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    """A row of a table; a bar inside a cell would end it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def problems() -> str:
    """The codes of all problems that the compiler reports, from the functions that word them."""
    parts = [
        "# Problems\n\n`edgewise check` and `build` report these, each with its place, the line, and what to do next; "
    ]
    parts.append(
        "with `--json`, each has\n`file`, `line`, `column`, `code`, `message`, `hint`, `source_line`, `severity`. "
    )
    parts.append("Codes are stable, wordings are not.\nE is an error; W is a warning, which does not stop a build.\n\n")
    parts.append("| code | of what |\n|---|---|\n")
    told: dict[str, list[str]] = {}
    for path in sorted((ROOT / "compiler/diagnostics").glob("*_messages.py")):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for code in _codes(function):
                told.setdefault(code, []).append(ast.get_docstring(function) or "")
    in_order = sorted(told, key=lambda code: code[1:])
    return "".join([*parts, *(_row(f"`{code}`", " ".join(dict.fromkeys(told[code]))) for code in in_order)])


def _codes(function: ast.FunctionDef) -> list[str]:
    """The codes of the problems that a function makes."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    made = [call.args[0] for call in calls if call.func.id in ("problem", "warning") and call.args]  # type: ignore[attr-defined]
    return list(dict.fromkeys(str(code.value) for code in made if isinstance(code, ast.Constant)))


def http() -> str:
    """The endpoints of edge and origin."""
    parts = ["# HTTP\n\nErrors are `application/problem+json` (RFC 9457) and name the path of what is wrong.\n"]
    for program, endpoints in (("edge", EDGE_ENDPOINTS), ("origin", ORIGIN_ENDPOINTS)):
        parts.append(f"\n## {program}\n\n| endpoint | what it does |\n|---|---|\n")
        parts += [f"| `{endpoint.method} {endpoint.path}` | {endpoint.summary} |\n" for endpoint in endpoints]
    return "".join(parts)


def rooms() -> str:
    """Every module by package, with the first sentence on its door plate."""
    parts = ["# Rooms\n\nWhat lives where: the first sentence of each module's docstring.\n"]
    for package in PACKAGES:
        parts.append(f"\n## {package}\n\n| file | what lives there |\n|---|---|\n")
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT)
            if "template" not in name.parts:
                parts.append(f"| `{name}` | {_door_plate(path)} |\n")
    return "".join(parts)


def _door_plate(path: Path) -> str:
    text = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def _is_contract_of(kind: object, module: str) -> bool:
    return isinstance(kind, type) and issubclass(kind, Contract) and kind.__module__ == module and kind is not Contract


def _hand_over(kind: type[Contract]) -> str:
    fields = ", ".join(f"`{name}`" for name in kind.__struct_fields__)
    return f"\n### {kind.__name__}\n\n{inspect.getdoc(kind)}\n\nFields: {fields or 'none'}.\n"


def run(words: list[str]) -> int:
    """Writes or compares the pages."""
    parser = argparse.ArgumentParser("docs.generate", description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args(words)
    behind = []
    for name, text in pages().items():
        path = REFERENCE / name
        if options.check and (not path.exists() or path.read_text() != NOTE + text):
            behind.append(name)
        elif not options.check:
            path.write_text(NOTE + text)
    if behind:
        print(f"docs/reference is behind the code: {', '.join(behind)}; run `make docs`", file=sys.stderr)
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
