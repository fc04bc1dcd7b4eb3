"""Writes docs/reference from the code's own tables, so that it cannot say anything else.

`python -m docs.generate` writes the pages; with `--check` it only compares, and exits with 1 where a page is behind.
"""

import argparse
import ast
import importlib
import inspect
import io
import pkgutil
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

import contracts
from contracts.codec import Contract
from contracts.decision import REASONS, TIER_OF_CAUSE, Cause, Tier
from deploy.cli import COMMANDS, main
from edge.app import ENDPOINTS as EDGE_ENDPOINTS
from engine.programs.functions import FUNCTIONS
from origin.app import ENDPOINTS as ORIGIN_ENDPOINTS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
PACKAGES = ("contracts", "engine", "compiler", "edge", "origin", "deploy", "loadtest")
NOTE = "<!-- Written by `make docs`. Change the code, not this page. -->\n\n"


def pages() -> dict[str, str]:
    """All generated pages by file name."""
    return {
        "commands.md": commands(),
        "decisions.md": decisions(),
        "contracts.md": hand_overs(),
        "functions.md": functions(),
        "http.md": http(),
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


def functions() -> str:
    """The functions that rules may call."""
    lines = ["# Functions in rules", "", "| function | meaning | example |", "|---|---|---|"]
    for function in FUNCTIONS.values():
        if function.doc:
            lines.append(
                f"| `{function.signature}` | {function.doc} | `{function.example.replace('|', chr(92) + '|')}` |"
            )
    return "\n".join(lines) + "\n"


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
