"""Changed rule IR, run in a child with bounds on memory and time: it is refused, or runs, or fails as a rule may.

The child draws its own rules - of the generator, of bundles, and those that try to grow without bound - changes them,
and tells each answer that is none of those. What it was at when it hung or died is known by its number.
"""

import contextlib
import multiprocessing
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import TypeAlias

import msgpack

from compiler.build import without_models
from contracts.catalog import CatalogSchema, TableSpec
from contracts.codec import decode, encode
from contracts.errors import ContractError, NotRunnableError, RuleError
from contracts.features import FeatureSchema
from contracts.rule_ir import IR_VERSION, Form, RuleIR
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request

from .expressions import Generator
from .mutations import Rule, changed
from .ours import Compiled, Pipeline
from .vocabulary import Vocabulary
from .worlds import ROWS, SCHEMA, TABLE, World, draw_world

SECONDS_EACH = 2.0
BYTES_EACH = 96 << 20
BYTES_ALL = 1 << 30
CORPUS = 300
_STATUS, _PEAK_RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
IS_MEASURABLE = _PEAK_RESET.exists()
REPORT_EVERY = 200
# Rules that grow: each step doubles or multiplies, or asks for much at once.
BOMBS = (
    "{0}.map(a, {0}.map(b, {0}.map(c, {0}.map(d, {0}.map(e, 1)))))",
    "{0}.exists(a, {0}.all(b, {0}.exists(c, {0}.all(d, {0}.exists(e, a + b + c + d + e == '!')))))",
    "cel.bind(a, {1} + {1}, cel.bind(b, a + a + a + a, cel.bind(c, b + b + b + b, cel.bind(d, c + c + c + c, d + d))))",
    "cel.bind(a, {0} + {0}, cel.bind(b, a + a + a + a, cel.bind(c, b + b + b + b, cel.bind(d, c + c + c + c, d + d))))",
    "{1}.replace('', {1}).replace('', {1}).replace('', {1}).replace('', {1}).replace('', {1}).replace('', {1})",
    "{0}.join({1}).split('').join({1}).split('').join({1}).split('').join({1})",
    "lists.range(9223372036854775807)",
    "lists.range(10000).map(a, lists.range(10000).map(b, b))",
    "lists.range(2000).map(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + string(a)).join()",
    "'%.1000000000f'.format([1.5])",
    "'%s%s%s%s'.format([{0}, {0}, {0}, {0}])",
    "{1}.matches('(((((a*)*)*)*)*)*b')",
    "{1}.matches('((a{{0,100}}){{0,100}}){{0,100}}')",
    "int({1} + '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000')",
    "base64.encode(bytes({1} + {1})).size() > 1",
    "[[[[[[[[{0}]]]]]]]] == [[[[[[[[{0}]]]]]]]]",
    "timestamp({1}) - duration({1}) < now",
)
Failure: TypeAlias = tuple[int, str]


@dataclass(frozen=True)
class Corpus:
    """Sound rules as plain values, with what they read."""

    rules: tuple[Rule, ...]
    schema: FeatureSchema
    tables: tuple[TableSpec, ...]


@dataclass
class IrReport:
    """What came of the executions; failures are numbers of executions, repeatable by seed and number, and why."""

    executions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def fuzz_ir(seed: int, executions: int, bundles: Sequence[Path]) -> Iterator[IrReport]:
    """Runs so many executions in children; yields the report as it grows."""
    report = IrReport()
    context = multiprocessing.get_context("spawn")
    while report.executions < executions:
        ours, theirs = context.Pipe()
        at = context.Value("q", -1)
        args = (theirs, at, seed, report.executions, executions, tuple(bundles))
        child = context.Process(target=_serve, args=args, daemon=True)
        child.start()
        theirs.close()
        yield from _followed(ours, report)
        child.kill()
        child.join()
        if at.value < 0:
            raise RuntimeError("the child for broken rules did not start; it says above why")
        if report.executions < executions:
            report.failures.append((at.value, "died or hung"))
            report.executions = at.value + 1


def _followed(pipe: Connection, report: IrReport) -> Iterator[IrReport]:
    """Takes the child's answers in until it is done or says nothing any more."""
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll(30 + SECONDS_EACH * 10):
            report.executions, outcomes, failures = pipe.recv()
            report.outcomes.update(outcomes)
            report.failures += failures
            yield report


class _TooSlow(BaseException):
    """An execution took longer than it may."""


def _serve(pipe: Connection, at: object, seed: int, first: int, last: int, bundles: Sequence[Path]) -> None:
    corpora = [_drawn(seed), *map(_of_bundle, bundles)]
    worlds = {id(corpus): _worlds(corpus, seed) for corpus in corpora}
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES_ALL, used + BYTES_ALL))
    outcomes: Counter[str] = Counter()
    failures: list[Failure] = []
    for number in range(first, last):
        at.value = number  # type: ignore[attr-defined]
        random = Random(f"{seed}/{number}")
        corpus = random.choice(corpora)
        sent = changed(corpus.rules, random)
        outcome = bounded(partial(_executed, sent, corpus, worlds[id(corpus)]))
        outcomes[outcome.partition(":")[0]] += 1
        if outcome.startswith("FAILED"):
            failures.append((number, outcome))
        if (number + 1) % REPORT_EVERY == 0 or number + 1 == last:
            pipe.send((number + 1, outcomes, failures))
            outcomes, failures = Counter(), []


def bounded(run: Callable[[], str]) -> str:
    """What a run answers, in a word, or `FAILED: ...`: what came out, too much time, too much memory."""
    _PEAK_RESET.write_text("5")
    before = _peak()
    signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_EACH)
    try:
        outcome = run()
    except _TooSlow:
        return "FAILED: too slow at " + _where()
    except BaseException as error:  # noqa: BLE001 - whatever comes out here is what the fuzzer looks for
        return f"FAILED: {type(error).__name__} {str(error)[:200]} at {_where()}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    grown = _peak() - before
    return f"FAILED: memory grew by {grown >> 20} MB" if grown > BYTES_EACH else outcome


def _stop(*_: object) -> None:
    raise _TooSlow


def _peak() -> int:
    """The most memory that this process had resident since the peak was reset, in bytes."""
    _, _, rest = _STATUS.read_text().partition("VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024


def _where() -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-3:]))


def _executed(sent: bytes, corpus: Corpus, worlds: Sequence[World]) -> str:
    try:
        rule = decode(sent, RuleIR).rules["x"]
    except (ContractError, KeyError):
        return "not decoded"
    said = "refused"
    for table, world in zip(corpus.tables, worlds, strict=True):
        with contextlib.suppress(NotRunnableError):
            closure = plan_request(rule, corpus.schema, table)
            said = "an error when run"
            for row in range(0, ROWS, 3):
                with contextlib.suppress(RuleError):
                    closure(world.row(row))
                    said = "a value"
            program = plan_columns(rule, corpus.schema, table)
            with contextlib.suppress(RuleError):
                program(world.batch())
    return said


def _drawn(seed: int) -> Corpus:
    """Rules of the generator, and those that try to grow."""
    random, pipeline = Random(seed), Pipeline()
    generator = Generator(Vocabulary(pipeline.compiles, lambda texts: [True] * len(texts)), random, has_expiring=True)
    texts = [generator.draw(reads_row=random.random() < 0.5).text for _ in range(CORPUS)]
    for names in (("request.strings_held", "request.string_held"), ("item.strings_0", "item.string_0")):
        texts += [bomb.format(*names) for bomb in BOMBS]
    compiled = [pipeline.compiled(text, random.choice(tuple(Form))) for text in texts]
    rules = [_plain(each) for each in compiled if isinstance(each, Compiled)]
    return Corpus(tuple(rules), SCHEMA, (TABLE,))


def _plain(compiled: Compiled) -> Rule:
    rules = RuleIR(ir_version=IR_VERSION, rules={"x": compiled.rule})
    rule: Rule = msgpack.unpackb(encode(rules))["rules"]["x"]
    return rule


def _of_bundle(folder: Path) -> Corpus:
    sections = without_models(folder).sections
    rules = msgpack.unpackb(sections["rules"])["rules"]
    tables = decode(sections["catalog"], CatalogSchema).tables
    return Corpus(tuple(rules.values()), decode(sections["schema"], FeatureSchema), tables)


def _worlds(corpus: Corpus, seed: int) -> list[World]:
    random = Random(seed)
    return [
        draw_world(random, features=corpus.schema.features, columns=table.columns, is_wild=True)
        for table in corpus.tables
    ]
