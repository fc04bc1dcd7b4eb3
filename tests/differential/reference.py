"""The reference library in a child process: it may abort, hang or grow without harm to the run.

It gets expressions as text and the rows of worlds as variables, and parses, checks and runs them itself. A batch that
kills it is run again one expression at a time to find the one that did.
"""

import contextlib
import ctypes
import multiprocessing
import os
import re
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import TypeAlias

from cel_expr_python import cel

from engine.programs.types import CelType

from .outcomes import ERROR, GIVEN_UP, Outcome, double_outcome, list_outcome, map_outcome
from .worlds import REQUEST_FIELDS, ROW_FIELDS, for_library

# What to run: an expression, and the numbers of the bindings that it is run with.
Task: TypeAlias = tuple[str, tuple[int, ...]]
BINDINGS, TASKS = "bindings", "tasks"
LACKING = "lacking"
_LACKING = re.compile(r"No (?:matching )?overloads? found[^:]*(?: : | for )(\S+)")
MAX_BYTES = 3 << 30
TIMEOUT_S = 30.0
START_S = 180.0  # it imports the library, on a machine that may be busy
_EXTENSIONS = (
    *("bindings", "encoders", "lists", "math", "optional", "regex", "sets", "strings"),
    "two-var-comprehensions",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Reference:
    """The child; `killed` counts the tasks that it died of. Close it at the end."""

    killed: int = 0
    _bindings: list[dict[str, object]] = field(default_factory=list)
    _process: multiprocessing.process.BaseProcess | None = None
    _pipe: "Connection | None" = None

    def bind(self, bindings: list[dict[str, object]]) -> None:
        """The variables of the tasks to come, by number."""
        self._bindings = bindings
        if self._process is None:
            self._start()
        else:
            self._ask((BINDINGS, bindings))

    def evaluate(self, tasks: Sequence[Task]) -> list[list[Outcome] | None]:
        """The outcomes of each task, row by row; None where the child died of it."""
        answer = self._ask((TASKS, list(tasks)))
        if isinstance(answer, list):
            return answer
        self._start()
        if len(tasks) == 1:
            self.killed += 1
            return [None]
        return [outcome for task in tasks for outcome in self.evaluate([task])]

    def close(self) -> None:
        """Ends the child."""
        if self._process is not None and self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None

    def _start(self) -> None:
        self.close()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._ask((BINDINGS, self._bindings), START_S)

    def _ask(self, question: tuple[str, object], timeout_s: float = TIMEOUT_S) -> object:
        """The answer, or None when the child died or did not answer in time."""
        assert self._pipe is not None
        with contextlib.suppress(EOFError, OSError):
            self._pipe.send(question)
            if self._pipe.poll(timeout_s):
                return self._pipe.recv()
        return None


def serve(pipe: Connection) -> None:
    """The child's life: takes bindings and tasks until the pipe is closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the library logs to stderr
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    _hoard_none()
    environment = _environment()
    bindings: list[cel.Activation] = []
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, content = pipe.recv()
            if kind == BINDINGS:
                bindings = [environment.Activation(data) for data in content]
                pipe.send(len(bindings))
            else:
                pipe.send([_run(environment, task, bindings) for task in content])


def _environment() -> cel.Env:
    extensions = "".join(f"  - name: {name}\n" for name in _EXTENSIONS)
    variables = {each.variable: _type(each.type) for each in (*ROW_FIELDS, *REQUEST_FIELDS)}
    tests = {f"has_{name}": cel.Type.BOOL for name in variables}
    config = cel.NewEnvConfigFromYaml(f"extensions:\n{extensions}")
    return cel.NewEnv(config=config, variables={**variables, **tests})


def _type(kind: CelType) -> cel.Type:
    match kind.name:
        case "list":
            return cel.Type.List(_type(kind.of[0]))
        case "map":
            return cel.Type.Map(*map(_type, kind.of))
    return getattr(cel.Type, kind.name.upper())


def _hoard_none() -> None:
    """Each null that the library gives costs a reference to None; below Python 3.12 the last one aborts."""
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def _run(environment: cel.Env, task: Task, bindings: list[cel.Activation]) -> list[Outcome]:
    text, rows = task
    try:
        expression = environment.compile(for_library(text))
    except RuntimeError as error:
        return [(LACKING, f"words for {error}")] * len(rows)
    return [_evaluated(expression, bindings[row]) for row in rows]


def _evaluated(expression: cel.Expression, binding: cel.Activation) -> Outcome:
    try:
        return _outcome(expression.eval(binding))
    except TypeError:  # it cannot give an optional
        return (LACKING, "way to give an optional")
    except (ValueError, MemoryError) as error:  # lists.range(-1) is one
        return (LACKING, f"answer but {error!r}")
    except RuntimeError as error:  # no error value, which && and || would absorb, but the end of the evaluation
        return _failure(str(error), (GIVEN_UP, str(error)))


def _failure(message: str, otherwise: Outcome) -> Outcome:
    """An error; one of a well-typed expression that finds no overload is a function that the library lacks."""
    found = _LACKING.search(message)
    return (LACKING, found[1]) if found else otherwise


def _outcome(value: cel.Value) -> Outcome:
    kind = value.type().name()
    plain = value.value()
    if kind == "ERROR":
        return _failure(str(plain), ERROR)
    match plain:
        case None:
            return ("null", None)
        case float():
            return double_outcome(plain)
        case datetime():
            return ("timestamp", (plain - _EPOCH) // _MICROSECOND)
        case timedelta():
            return ("duration", plain // _MICROSECOND)  # already cut toward zero
        case list():
            return list_outcome(map(_outcome, plain))
        case dict():
            return map_outcome((key, _outcome(entry)) for key, entry in plain.items())
    return (kind.lower(), bytes(plain) if kind == "BYTES" else plain)
