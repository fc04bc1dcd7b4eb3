import pytest

from contracts.errors import NotRunnableError
from engine.scorers.protobuf import integers, messages


def test_integers_are_read_packed_or_not_with_their_signs() -> None:
    minus_one = b"\xff" * 9 + b"\x01"
    assert integers(b"\x08\x96\x01" + b"\x08" + minus_one + b"\x12\x01a", 1) == [150, -1]
    assert integers(b"\x0a\x0c" + b"\x96\x01" + minus_one, 1) == [150, -1]
    assert list(messages(b"\x08\x01\x12\x01a", 2)) == [b"a"]


def test_of_a_number_that_is_too_long_64_bits_count() -> None:
    assert integers(b"\x08" + b"\xff" * 9 + b"\x7f", 1) == [-1]
    assert integers(b"\x08" + b"\x80" * 9 + b"\x7e", 1) == [0]


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x02a", b"\x0b", b"\x08" + b"\xff" * 10, b"\x0d\x00"])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(NotRunnableError):
        integers(data, 1)
