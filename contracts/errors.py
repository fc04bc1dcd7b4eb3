"""The error tree. Each branch says whose fault it is; one place per program maps it to a status or exit code.

    EdgewiseError
    +-- ContractError        what arrived is malformed: the sender mends it
    |   +-- TooLargeError    what arrived exceeds a declared limit
    +-- NotRunnableError     this engine cannot run this bundle: keep the last good one
    +-- DecisionError        this decision failed: `decide` takes a lower tier
        +-- RuleError        a rule could not be evaluated
        |   +-- MissingError     it read a value that is MISSING
        |   +-- ExpiredError     it read a value that is EXPIRED and declared to end its tier
        +-- ScoringError     a model gave no usable score

Anything else that is raised is a bug.
"""


class EdgewiseError(Exception):
    """Root of every error that the product raises on purpose."""


class ContractError(EdgewiseError):
    """What arrived is malformed. `path` names the place inside it, `$` being the whole."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message if path == "$" else f"{message} - at {path}")
        self.message = message
        self.path = path


class TooLargeError(ContractError):
    """What arrived exceeds a declared limit."""


class NotRunnableError(EdgewiseError):
    """This engine cannot run this bundle."""


class DecisionError(EdgewiseError):
    """This decision failed; a lower tier answers."""


class RuleError(DecisionError):
    """A rule could not be evaluated. `rule` is its name, `place` where it was written (file:line:column); both are
    empty until the caller knows them.
    """

    def __init__(self, message: str, rule: str = "", place: str = "") -> None:
        subject = f"{rule} ({place})" if place else rule
        super().__init__(f"{subject}: {message}" if subject else message)
        self.message = message
        self.rule = rule
        self.place = place


class MissingError(RuleError):
    """A rule read a value that is MISSING: no value and no default."""


class ExpiredError(RuleError):
    """A rule read a value whose age is over its limit. `is_blocking` tells `block` from `fallback`."""

    def __init__(self, message: str, rule: str = "", place: str = "", *, is_blocking: bool = False) -> None:
        super().__init__(message, rule, place)
        self.is_blocking = is_blocking


class ScoringError(DecisionError):
    """A model gave no usable score: wrong shape, NaN, or the runtime refused."""
