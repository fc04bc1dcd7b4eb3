"""What a command gives back: data for `--json`, text for people, an exit code. And the error of failed surroundings."""

from dataclasses import dataclass

from contracts.errors import EdgewiseError


class OperationError(EdgewiseError):
    """The surroundings fail: a port is in use, a file is missing, an origin cannot be reached. Says what to do next."""


@dataclass(frozen=True)
class Outcome:
    """A command's result; `data` is anything that `contracts.codec.encode_json` takes."""

    data: object
    text: str = ""
    exit_code: int = 0
    is_error: bool = False
