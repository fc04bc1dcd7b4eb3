"""Catalog: candidate tables (products, arms, promises, questions) as typed columns.

Written by the compiler, one content-addressed section per column; read by the engine as NumPy arrays without
copying. Columns marked `is_live` change by feed, others only with a bundle. Column `id` is the key of each table.
"""

from contracts.codec import Contract
from contracts.features import Value, ValueType

ID = "id"


class ColumnSpec(Contract, frozen=True):
    """One column. `is_synthetic` marks values that were generated because the source lacks them."""

    name: str
    type: ValueType
    is_nullable: bool = False
    is_live: bool = False
    is_synthetic: bool = False
    default: Value | None = None
    description: str = ""


class TableSpec(Contract, frozen=True):
    """One candidate table: its columns, `id` first, and how many rows it has."""

    name: str
    columns: tuple[ColumnSpec, ...]
    rows: int


class CatalogSchema(Contract, frozen=True):
    """All candidate tables of a bundle."""

    tables: tuple[TableSpec, ...]


class ColumnData(Contract, frozen=True):
    """A column's bytes, raw little-endian, one entry per row.

    BOOL is uint8; INT and TIMESTAMP int64; DOUBLE float64; STRING int32 codes into `dictionary`. STRINGS are
    int32 codes and NUMBERS int32 key codes, both cut into rows by `offsets` (int64, rows + 1 entries); the float64
    values of NUMBERS stand in `numbers`. `status` is uint8 per row (`Status`), empty when all are PRESENT.
    """

    type: ValueType
    values: bytes
    status: bytes = b""
    dictionary: tuple[str, ...] = ()
    offsets: bytes = b""
    numbers: bytes = b""
