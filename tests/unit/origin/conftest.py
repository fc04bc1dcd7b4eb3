"""A shop of three teas: its bundle by hand (no compiler), three weeks of history, a batch expression, an origin."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tea_origin import EXPRESSION, KEY, MONDAY, TOKEN, caller

from contracts.bundle import FORMAT_VERSION, Bundle, Manifest, SectionRef, digest, write_file
from contracts.catalog import CatalogSchema, ColumnData, ColumnSpec, TableSpec
from contracts.codec import encode
from contracts.features import FeatureSchema, FeatureSpec, FoldSpec, FoldWindow, Root, ValueType
from origin.app import open_origin
from origin.config import BatchConfig, Config, Secrets
from origin.routes import Origin


def _strings(*texts: str) -> ColumnData:
    dictionary = tuple(sorted(set(texts)))
    codes = np.array([dictionary.index(text) for text in texts], dtype="<i4")
    return ColumnData(type=ValueType.STRING, values=codes.tobytes(), dictionary=dictionary)


def _fold(fold: str, name: str, kind: ValueType, *, key: str | None = None, value: str | None = None) -> FeatureSpec:
    spec = FoldSpec(fold=fold, event="purchase", key=key, value=value, window=FoldWindow.ALL)
    return FeatureSpec(name=name, root=Root.VISITOR, type=kind, fold=spec)


@pytest.fixture
def bundle() -> Bundle:
    columns = (
        ColumnSpec(name="id", type=ValueType.STRING),
        ColumnSpec(name="kind", type=ValueType.STRING),
        ColumnSpec(name="price", type=ValueType.INT, is_live=True),
    )
    schema = FeatureSchema(
        purposes=(),
        features=(
            FeatureSpec(name="affinity", root=Root.VISITOR, type=ValueType.NUMBERS),
            FeatureSpec(name="orders", root=Root.VISITOR, type=ValueType.INT, max_age_s=21 * 86_400),
            _fold("count_by_key", "purchased", ValueType.NUMBERS, key="item"),
            _fold("count_by_key", "kinds", ValueType.NUMBERS, key="item.kind"),
            _fold("sum", "spent", ValueType.INT, value="item.price"),
        ),
    )
    contents = {
        "schema": encode(schema),
        "catalog": encode(CatalogSchema(tables=(TableSpec(name="teas", columns=columns, rows=3),))),
        "column/teas/id": encode(_strings("assam", "mint", "sencha")),
        "column/teas/kind": encode(_strings("black", "herbal", "green")),
        "column/teas/price": encode(ColumnData(type=ValueType.INT, values=np.array([1, 2, 3], "<i8").tobytes())),
    }
    sections = {name: SectionRef(digest=digest(data), size=len(data)) for name, data in contents.items()}
    manifest = Manifest(format_version=FORMAT_VERSION, name="tea", capabilities=(), sections=sections)
    return Bundle(manifest, contents)


@pytest.fixture
def batch(tmp_path: Path) -> BatchConfig:
    """Household 1 buys assam each Sunday, for ten more each week; household 2 bought mint once; sencha is for later."""
    lines = [("1", "assam", "black", MONDAY + timedelta(days=7 * week - 1), 500 + 10 * week) for week in range(-2, 3)]
    lines += [("2", "mint", "herbal", MONDAY - timedelta(days=3), 300)]
    lines += [("2", "sencha", "green", MONDAY + timedelta(days=3), 900)]
    history = tmp_path / "history"
    history.mkdir()
    names = ("household", "tea", "kind", "at", "price")
    pq.write_table(pa.table(dict(zip(names, zip(*lines, strict=True), strict=True))), history / "lines.parquet")
    expression = tmp_path / "batch.py"
    expression.write_text(EXPRESSION)
    return BatchConfig(expression, history)


@pytest.fixture
def config(tmp_path: Path, bundle: Bundle, batch: BatchConfig) -> Config:
    file = tmp_path / "bundle.zip"
    file.write_bytes(write_file(bundle))
    return Config(state=tmp_path / "state", bundle=file, secrets=Secrets(KEY, TOKEN), batch=batch)


@pytest.fixture
def origin(config: Config) -> Iterator[Origin]:
    opened = open_origin(config)
    yield opened
    opened.close()


@pytest.fixture
def call(origin: Origin) -> Callable[..., httpx.Response]:
    """Sends one request to the origin: `call("POST", "/v1/controls", json=..., headers=...)`."""

    async def send(method: str, path: str, **request: object) -> httpx.Response:
        async with caller(origin) as client:
            return await client.request(method, path, **request)  # type: ignore[arg-type]

    return lambda method, path, **request: asyncio.run(send(method, path, **request))


@pytest.fixture
def secrets_file(tmp_path: Path) -> Path:
    file = tmp_path / "secrets.json"
    key = base64.b64encode(KEY).decode()
    file.write_text(json.dumps({"cookie": {"kid": "1", "key": key}, "pseudonym": key, "operator_token": TOKEN}))
    return file
