"""Regular expressions, by RE2: a match takes time in proportion to the text, whatever the pattern.

In a bundle the pattern is a literal, so a bad one is found when the bundle is built.
"""

import re as python_re
from functools import lru_cache
from typing import TYPE_CHECKING

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.limits import bounded, bounded_text
from engine.programs.values import OptionalValue

if TYPE_CHECKING:
    import re2

_MAX_PATTERN = 1_000
_MAX_MEMORY = 1 << 20
_GROUP = python_re.compile(r"\\([0-9]|\\|.|\Z)", python_re.DOTALL)


@lru_cache(maxsize=1_024)
def pattern(text: str) -> "re2._Regexp":
    """The pattern, ready to match. Raises `RuleError` when RE2 refuses it."""
    import re2

    if len(text) > _MAX_PATTERN:
        raise RuleError(f"a pattern has at most {_MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise RuleError(f"{text[:40]!r} is no pattern of RE2: {_readable(reason)}") from None


def _readable(reason: object) -> str:
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _matches(text: str, regex: str) -> bool:
    return pattern(regex).search(text) is not None


def _extract(text: str, regex: str) -> OptionalValue:
    found = _with_one_group(regex).search(text)
    if found is None or found[_last_group(regex)] is None:
        return OptionalValue()
    return OptionalValue((found[_last_group(regex)],))


def _extract_all(text: str, regex: str) -> tuple[str, ...]:
    group = _last_group(regex)
    return bounded(tuple([found[group] for found in _with_one_group(regex).finditer(text) if found[group] is not None]))


def _with_one_group(regex: str) -> "re2._Regexp":
    compiled = pattern(regex)
    if compiled.groups > 1:
        raise RuleError("a pattern to extract by has at most one group")
    return compiled


def _last_group(regex: str) -> int:
    return 1 if pattern(regex).groups else 0


def _replace(text: str, regex: str, new: str, most: int = -1) -> str:
    compiled = pattern(regex)
    if most == 0:
        return text
    _check_groups(new, compiled.groups)
    made, end, length = [], 0, len(text)
    for count, found in enumerate(compiled.finditer(text)):
        if count == most:
            break
        written = _expanded(new, found)
        length += len(written)
        bounded_text(range(length))
        made += [text[end : found.start()], written]
        end = found.end()
    return bounded_text("".join([*made, text[end:]]))


def _check_groups(new: str, groups: int) -> None:
    """Raises `RuleError` for a group that the pattern lacks, whether or not anything is found."""
    for escape in _GROUP.finditer(new):
        if escape[1] != "\\" and not (escape[1].isdigit() and int(escape[1]) <= groups):
            raise RuleError(f"{escape[0]!r} is no group of the pattern; write one such as \\1, or \\\\ for a backslash")


def _expanded(new: str, found: "re2._Match") -> str:
    def written(escape: python_re.Match[str]) -> str:
        return "\\" if escape[1] == "\\" else found[int(escape[1])] or ""

    return bounded_text(_GROUP.sub(written, new))


_EXTRACT_DOC = "A pattern has at most one group; with one, the group is taken"

PATTERNS = (
    Function(
        id="matches",
        name="matches",
        params=("string", "string"),
        result="bool",
        doc="Whether a pattern of RE2 is found in a string; anchor it with ^ and $.",
        example="matches('tea pot', '^t.a')",
        run=_matches,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
    Function(
        id="matches_string",
        name="matches",
        params=("string", "string"),
        result="bool",
        is_member=True,
        doc="Whether a pattern of RE2 is found in a string; anchor it with ^ and $.",
        example="'tea pot'.matches('po?t$')",
        run=_matches,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
    Function(
        id="regex_extract_string_string",
        name="regex.extract",
        params=("string", "string"),
        result="optional(string)",
        doc=f"What a pattern first finds. {_EXTRACT_DOC}.",
        example="regex.extract('pot 12', 'pot ([0-9]+)').orValue('') == '12'",
        run=_extract,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
    Function(
        id="regex_extractAll_string_string",
        name="regex.extractAll",
        params=("string", "string"),
        result="list(string)",
        doc=f"Everything that a pattern finds. {_EXTRACT_DOC}.",
        example="regex.extractAll('1 or 2', '[0-9]') == ['1', '2']",
        run=_extract_all,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
    Function(
        id="regex_replace_string_string_string",
        name="regex.replace",
        params=("string", "string", "string"),
        result="string",
        doc="With everything that a pattern finds replaced; \\1 stands for its first group.",
        example="regex.replace('tea pot', '[aeiou]', '') == 't pt'",
        run=_replace,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
    Function(
        id="regex_replace_string_string_string_int",
        name="regex.replace",
        params=("string", "string", "string", "int"),
        result="string",
        doc="The same, at most that many times; below 0 everywhere.",
        example="regex.replace('tea pot', '[aeiou]', '', 1) == 'ta pot'",
        run=_replace,
        checks={1: pattern},
        takes_literals=frozenset({1}),
    ),
)
