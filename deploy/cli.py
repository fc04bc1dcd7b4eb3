"""The `edgewise` command: dispatch only. One file per command in `deploy.commands`, imported when it is called.

A command module has `configure(parser)` and `run(options) -> Outcome`. This file alone turns errors into exit codes:
0 done, 1 the answer is no (problems found, a replay differs), 2 malformed input or usage, 3 the bundle cannot run
here, 4 the surroundings fail (a port in use, an unreachable origin, a missing file).
"""

import argparse
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from contracts.codec import encode_json
from contracts.errors import ContractError, EdgewiseError, NotRunnableError
from deploy.outcome import OperationError, Outcome

COMMANDS: dict[str, str] = {
    "init": "make a new bundle folder that builds and runs",
    "check": "check a bundle's sources and show every problem",
    "test": "run a bundle's cases: what is given, what must be decided",
    "eval": "try an expression on values from a file",
    "build": "compile a bundle's sources into one file",
    "inspect": "show what a bundle file holds and needs",
    "dev": "run origin, edge and page, rebuilding on save",
    "deploy": "publish a bundle to a registry folder",
    "replay": "re-run recorded decisions and compare them",
    "explain": "tell how a recorded decision came about",
    "status": "ask a node what it runs and how it is",
    "qa": "make a token that shows an arm or the holdout, unmeasured",
    "edge": "run an edge node",
    "origin": "run the origin",
}


def main(words: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    words = sys.argv[1:] if words is None else words
    name = words[0] if words else ""
    if name not in COMMANDS:
        return _introduce(name)
    module = import_module(f"deploy.commands.{name}")
    parser = argparse.ArgumentParser(
        f"edgewise {name}",
        description=f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.",
        epilog=module.__doc__ and module.__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    module.configure(parser)
    options = parser.parse_args(words[1:])
    try:
        outcome = module.run(options)
    except (EdgewiseError, OSError) as error:
        outcome = _failure(error)
    except KeyboardInterrupt:
        return 130
    _show(outcome, is_json=options.json)
    return int(outcome.exit_code)


def _introduce(name: str) -> int:
    lines = [f"  {command:<9}{summary}" for command, summary in COMMANDS.items()]
    text = "\n".join(["usage: edgewise COMMAND ...", "", *lines, "", "edgewise COMMAND --help tells more."])
    if name in ("", "-h", "--help", "help"):
        print(text)
        return 0
    near = get_close_matches(name, COMMANDS, n=1)
    meant = f"; did you mean `edgewise {near[0]}`?" if near else ""
    print(f"edgewise: there is no command `{name}`{meant}\n\n{text}", file=sys.stderr)
    return 2


def _failure(error: EdgewiseError | OSError) -> Outcome:
    problems = getattr(error, "problems", ())
    data = {"error": type(error).__name__, "message": _worded(error), "problems": problems}
    return Outcome(data, _worded(error), _exit_code(error), is_error=True)


def _worded(error: EdgewiseError | OSError) -> str:
    """What is wrong; of a path, also from where it counts."""
    if not isinstance(error, OSError) or error.filename is None or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror.lower()}; check the path, which counts from {Path.cwd()}"


def _exit_code(error: EdgewiseError | OSError) -> int:
    match error:
        case ContractError():
            return 2
        case NotRunnableError():
            return 3
        case OperationError() | OSError():
            return 4
    return 1


def _show(outcome: Outcome, *, is_json: bool) -> None:
    try:
        if is_json:
            print(encode_json(outcome.data).decode(), flush=True)
        elif outcome.text:
            print(outcome.text, file=sys.stderr if outcome.is_error else sys.stdout, flush=True)
    except BrokenPipeError:  # `| head` has read enough; what is left must go somewhere when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
