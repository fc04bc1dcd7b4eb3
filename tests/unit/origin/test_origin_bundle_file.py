"""The origin follows the bundle's file while it serves."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tea_origin import caller, page_of, purchase

from contracts.bundle import Bundle, SectionRef, digest, write_file
from contracts.codec import encode
from contracts.features import FeatureSchema, FeatureSpec, FoldSpec, FoldWindow, Root, ValueType
from origin import app
from origin.config import Config
from origin.routes import Origin

VIEWS = FeatureSpec(
    name="views",
    root=Root.VISITOR,
    type=ValueType.INT,
    fold=FoldSpec(fold="count", event="purchase", window=FoldWindow.ALL),
)


def with_views(bundle: Bundle) -> Bundle:
    schema = bundle.read("schema", FeatureSchema)
    data = encode(replace(schema, features=(*schema.features, VIEWS)))
    sections = {**bundle.manifest.sections, "schema": SectionRef(digest=digest(data), size=len(data))}
    return Bundle(replace(bundle.manifest, sections=sections), {**bundle.sections, "schema": data})


def put(config: Config, data: bytes) -> None:
    """As `edgewise dev` does: another file takes the name."""
    draft = config.bundle.with_suffix(".new")
    draft.write_bytes(data)
    os.replace(draft, config.bundle)


async def until(origin: Origin, is_so: Callable[[], bool]) -> None:
    for _ in range(6000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{origin.declared.revision} {origin.problem}")


def served(origin: Origin, story: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tells a story while the origin is served."""
    monkeypatch.setattr(app, "LOOK_S", 0.001)

    async def run() -> None:
        serving = app.app_of(origin)
        async with serving.router.lifespan_context(serving):
            await story()

    asyncio.run(run())


def test_another_bundle_is_taken_up_without_a_restart(
    config: Config, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, new = app.open_origin(config), with_views(bundle)

    async def story() -> None:
        put(config, write_file(new))
        await until(origin, lambda: origin.declared.revision == new.revision)
        async with caller(origin) as client:
            status = (await client.get("/v1/status")).json()
            assert (status["revision"], status["problem"]) == (new.revision, "")
            events = encode([purchase("1")])
            answer = await client.post("/v1/events", content=events, headers={"content-type": "application/msgpack"})
            assert answer.status_code == 200
            (delta,) = page_of(origin).deltas
            assert delta.values["views"] == 1

    served(origin, story, monkeypatch)


@pytest.mark.parametrize("data", [b"", b"no bundle"])
def test_a_file_that_cannot_be_used_changes_nothing_and_is_told(
    config: Config, bundle: Bundle, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = app.open_origin(config)

    async def story() -> None:
        put(config, data)
        await until(origin, lambda: origin.problem != "")
        async with caller(origin) as client:
            status = (await client.get("/v1/status")).json()
        assert status["revision"] == bundle.revision
        assert status["problem"].startswith("the bundle's file is not in use, the one before is: ")
        put(config, write_file(with_views(bundle)))
        await until(origin, lambda: origin.problem == "")
        assert origin.declared.revision == with_views(bundle).revision

    served(origin, story, monkeypatch)


def test_a_file_that_was_not_there_for_a_moment_leaves_no_problem(
    config: Config, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, aside = app.open_origin(config), config.bundle.with_suffix(".aside")

    async def story() -> None:
        os.replace(config.bundle, aside)
        await until(origin, lambda: origin.problem != "")
        os.replace(aside, config.bundle)
        await until(origin, lambda: origin.problem == "")
        assert origin.declared.revision == bundle.revision

    served(origin, story, monkeypatch)


def test_a_file_that_could_not_be_read_once_is_tried_again(
    config: Config, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, failures = app.open_origin(config), [OSError("input/output error")]
    read = Path.read_bytes

    def faulty(path: Path) -> bytes:
        if path == config.bundle and failures:
            raise failures.pop()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", faulty)

    async def story() -> None:
        put(config, write_file(with_views(bundle)))
        await until(origin, lambda: origin.declared.revision == with_views(bundle).revision)
        assert not failures

    served(origin, story, monkeypatch)


def test_a_file_is_read_once(config: Config) -> None:
    origin = app.open_origin(config)
    assert origin.file.changed() is None
    put(config, config.bundle.read_bytes())
    again = origin.file.changed()
    assert again is not None
    assert again.revision == origin.declared.revision
    assert again.plan == origin.declared.plan
    assert origin.file.changed() is None
    origin.close()
