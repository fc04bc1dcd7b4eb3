import pytest

from contracts.codec import CBOR, JSON, MSGPACK, decode_json
from contracts.errors import ContractError, EdgewiseError, TooLargeError
from edge.activation import NoBundleError
from edge.spool import SpoolFullError
from edge.wire import (
    ForbiddenError,
    MediaTypeError,
    NotAcceptableError,
    SlowError,
    UnknownNameError,
    accepted,
    problem,
)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/msgpack", MSGPACK),
        ("Application/CBOR", CBOR),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/json;q=0.1, application/cbor;q=0.9", CBOR),
        ("application/cbor;q=0, application/msgpack;q=0.2", MSGPACK),
        ("application/cbor;q=x, */*", JSON),
        ("application/msgpack;charset=utf-8;q=1", MSGPACK),
    ],
)
def test_the_most_wanted_type_that_we_write(accept: str, media_type: str) -> None:
    assert accepted(accept) == media_type


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0"])
def test_what_we_do_not_write_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="this node writes application/json, application/msgpack"):
        accepted(accept)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ContractError("x", "$.a"), 400),
        (ForbiddenError("x"), 403),
        (UnknownNameError("x"), 404),
        (NotAcceptableError("x"), 406),
        (SlowError("x"), 408),
        (TooLargeError("x"), 413),
        (MediaTypeError("x"), 415),
        (EdgewiseError("x"), 500),
        (NoBundleError("x"), 503),
        (SpoolFullError("x"), 503),
    ],
)
def test_each_error_has_its_status(error: EdgewiseError, status: int) -> None:
    code, body = problem(error)
    document = decode_json(body, dict)
    assert (code, document["status"], document["detail"]) == (status, status, "x")
    assert document.get("path") == (error.path if isinstance(error, ContractError) else None)
