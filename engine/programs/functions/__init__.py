"""The functions that rules may call, by id: one table, one file per kind of function.

Adding one: an entry in the file of its kind. Everything else (checker, verifier, planner, capabilities, reference)
reads this table.
"""

from engine.programs.functions.accessors import ACCESSORS
from engine.programs.functions.comparison import COMPARISONS
from engine.programs.functions.containers import CONTAINERS
from engine.programs.functions.conversion import CONVERSIONS
from engine.programs.functions.declaration import Declaration, Function, LazyFunction
from engine.programs.functions.domain import DOMAIN
from engine.programs.functions.logic import LOGIC
from engine.programs.functions.numbers import NUMBERS
from engine.programs.functions.texts import TEXTS
from engine.programs.functions.times import TIMES

__all__ = ["FUNCTIONS", "Declaration", "Function", "LazyFunction"]

FUNCTIONS: dict[str, Function | LazyFunction] = {
    function.id: function
    for table in (LOGIC, COMPARISONS, NUMBERS, TEXTS, CONTAINERS, CONVERSIONS, TIMES, ACCESSORS, DOMAIN)
    for function in table
}
