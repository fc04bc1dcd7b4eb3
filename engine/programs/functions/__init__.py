"""The functions that rules may call, by id: one table, one file per kind of function.

Adding one: an entry in the file of its kind. Everything else (checker, verifier, planner, capabilities, reference)
reads this table.
"""

from engine.programs.functions.accessors import ACCESSORS
from engine.programs.functions.bits import BITS
from engine.programs.functions.comparison import COMPARISONS
from engine.programs.functions.containers import CONTAINERS
from engine.programs.functions.conversion import CONVERSIONS
from engine.programs.functions.declaration import Declaration, Function, LazyFunction
from engine.programs.functions.domain import DOMAIN
from engine.programs.functions.extremes import EXTREMES
from engine.programs.functions.formatting import FORMATTING
from engine.programs.functions.logic import LOGIC
from engine.programs.functions.mathematics import MATHEMATICS
from engine.programs.functions.numbers import NUMBERS
from engine.programs.functions.octets import OCTETS
from engine.programs.functions.optionals import OPTIONALS
from engine.programs.functions.patterns import PATTERNS
from engine.programs.functions.sequences import SEQUENCES
from engine.programs.functions.text_changes import TEXT_CHANGES
from engine.programs.functions.text_parts import TEXT_PARTS
from engine.programs.functions.texts import TEXTS
from engine.programs.functions.times import TIMES
from engine.programs.functions.unsigned import UNSIGNED

__all__ = ["FUNCTIONS", "TABLES", "Declaration", "Function", "LazyFunction"]

TABLES: dict[str, tuple[Function | LazyFunction, ...]] = {
    "Logic": LOGIC,
    "Comparison": COMPARISONS,
    "Numbers": NUMBERS,
    "Unsigned numbers": UNSIGNED,
    "Mathematics": EXTREMES + MATHEMATICS + BITS,
    "Strings": TEXTS,
    "Parts of strings": TEXT_PARTS + TEXT_CHANGES,
    "Formatting": FORMATTING,
    "Patterns": PATTERNS,
    "Bytes": OCTETS,
    "Lists and maps": CONTAINERS,
    "Sequences and sets": SEQUENCES,
    "Optionals": OPTIONALS,
    "Conversion": CONVERSIONS,
    "Times": TIMES,
    "Parts of times": ACCESSORS,
    "For shops": DOMAIN,
}
FUNCTIONS: dict[str, Function | LazyFunction] = {
    function.id: function for table in TABLES.values() for function in table
}
