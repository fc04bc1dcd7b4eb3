"""`edgewise replay`: what it prints, its exit codes, several processes, another bundle."""

import json
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from records import DELTAS, record_of

from compiler.build import build
from contracts.bundle import Bundle, write_file
from contracts.decision import Override
from contracts.record import DecisionRecord, Recording
from deploy.cli import main
from deploy.publish import publish
from deploy.replays.recording_files import write_recording
from engine.load import LoadedBundle, load
from engine.records import sealed


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


@pytest.fixture(scope="module")
def shop(tea_bundle: Bundle, tea_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as a file and in a registry, and beside it a later one that does not sell t-07 any more."""
    folder = tmp_path_factory.mktemp("replay")
    (folder / "bundle.zip").write_bytes(write_file(tea_bundle))
    sources = Path(shutil.copytree(tea_folder, folder / "tea"))
    guards = sources / "rules/guards.toml"
    text = guards.read_text()
    assert "'item.stock > 0'" in text
    guards.write_text(text.replace("'item.stock > 0'", """'item.stock > 0 && item.id != "t-07"'"""))
    later = build(sources).bundle
    (folder / "later.zip").write_bytes(write_file(later))
    for number, bundle in enumerate((tea_bundle, later)):
        publish(bundle, folder / "registry", note="", now=number)
    return folder


def record_file(shop: Path, name: str, *records: DecisionRecord, deltas: bool = True) -> str:
    part = Recording(records=records, deltas=DELTAS if deltas else (), epoch="e")
    write_recording(shop / name, [part])
    return str(shop / name)


def test_what_decides_again_the_same_is_counted(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = record_file(shop, "good", record_of(loaded, 1), record_of(loaded, 2))
    assert main(["replay", file, "--bundle", str(shop / "bundle.zip"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "records": 2,
        "outcomes": {"identical": 2},
        "stages": {},
        "score_difference": None,
        "differences": [],
    }


def test_what_does_not_is_listed_with_its_stage(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sealed(replace(record_of(loaded, 2), visitor={}))
    file = record_file(shop, "both", record_of(loaded, 1), bad)
    assert main(["replay", file, "--registry", str(shop / "registry")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == ["1 of 2 identical", "1 of 2 different", "first differing stage score: 1"]
    assert printed[3].startswith("  r2: slot hero, score: ")


@pytest.mark.parametrize(("bad", "listed"), [(5, ["r1", "r2", "r3", "r4", "r5"]), (6, ["r1", "r2", "r3", "r4", "r5"])])
def test_five_are_listed_and_the_others_counted(
    bad: int, listed: list[str], loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    altered = [replace(record_of(loaded, number), node="other") for number in range(1, bad + 1)]
    assert main(["replay", record_file(shop, "many", *altered), "--bundle", str(shop / "bundle.zip")]) == 1
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"{bad} of {bad} not replayable"
    assert [line.split(":")[0].strip() for line in lines[:5]] == listed
    assert lines[5:] == (["  and 1 more"] if bad == 6 else [])


@pytest.mark.parametrize("name", ["altered", "masked", "wrong bundle", "missing delta"])
def test_what_cannot_be_replayed_is_never_good(
    name: str, loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(loaded, 1)
    records = {
        "altered": replace(record, node="other"),
        "masked": sealed(replace(record, masked=("request.zip",))),
        "wrong bundle": sealed(replace(record, revision="sha256:00")),
        "missing delta": record,
    }
    file = record_file(shop, "bad", records[name], deltas=name != "missing delta")
    assert main(["replay", file, "--bundle", str(shop / "bundle.zip")]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("1 of 1 not replayable\n")
    assert name.removeprefix("missing ") in printed


def test_records_of_another_engine_are_told_as_such(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(loaded, 1)
    file = record_file(shop, "elsewhere", sealed(replace(record, fingerprint={**record.fingerprint, "cpu": "Z80"})))
    assert main(["replay", file, "--bundle", str(shop / "bundle.zip")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 of 1 identical from recorded scores",
        "made on another engine: scores differ by at most 0 from this one's",
    ]


def test_processes_share_the_work_and_count_the_same(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sealed(replace(record_of(loaded, 3), visitor={}))
    parts = [
        Recording(records=(record_of(loaded, 1, seq=0),)),
        Recording(deltas=DELTAS, epoch="e"),
        Recording(records=(record_of(loaded, 2), bad)),
        Recording(records=(record_of(loaded, 4, seq=1),)),
    ]
    write_recording(shop / "parts", parts)
    reports = []
    for processes in ("1", "2"):
        words = ["replay", str(shop / "parts"), "--bundle", str(shop / "bundle.zip")]
        assert main([*words, "--processes", processes, "--json"]) == 1
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0] == reports[1]
    assert reports[0]["outcomes"] == {"identical": 3, "different": 1}
    assert reports[0]["differences"][0]["number"] == 3


def test_nothing_to_replay_is_no_success(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = record_file(shop, "none")
    assert main(["replay", file, "--registry", str(shop / "registry")]) == 1
    assert "no decision records to replay" in capsys.readouterr().out


def test_a_damaged_file_is_malformed(loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(record_file(shop, "damaged", record_of(loaded, 1)))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert main(["replay", str(file), "--bundle", str(shop / "bundle.zip")]) == 2
    assert "the recording is damaged: frame " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 4, "name the records' bundle"),
        (["--registry", "{shop}/nowhere"], 4, "is no registry folder"),
        (["--bundle", "{shop}/bundle.zip", "--processes", "0"], 2, "at least one process"),
        (["--bundle", "{shop}/bundle.zip", "--save", "{shop}/x"], 2, "it is a file already"),
        (["--registry", "{shop}/registry", "--with", "beef"], 4, "beef is no bundle file, and 0 revisions begin so"),
        (["--registry", "{shop}/registry", "--with", "sha256:"], 4, "and 2 revisions begin so"),
    ],
)
def test_usage_is_told_with_what_to_do(
    words: list[str], code: int, told: str, loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = record_file(shop, "any", record_of(loaded, 1))
    assert main(["replay", file, *(word.format(shop=shop) for word in words)]) == code
    assert told in capsys.readouterr().err


def test_a_registry_whose_manifest_was_altered_is_refused(
    loaded: LoadedBundle, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Path(shutil.copytree(shop / "registry", tmp_path / "registry"))
    for manifest in (registry / "manifests").iterdir():
        manifest.write_bytes(manifest.read_bytes().replace(b"tea", b"tee", 1))
    file = record_file(shop, "any", record_of(loaded, 1))
    assert main(["replay", file, "--registry", str(registry)]) == 2
    assert "its bytes are not those of that revision" in capsys.readouterr().err


def test_another_bundle_tells_what_would_have_changed(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = record_file(shop, "many", *(record_of(loaded, number) for number in range(30)))
    later = str(shop / "later.zip")
    reports = []
    for words in (["--with", later], ["--with", later, "--registry", str(shop / "registry"), "--processes", "2"]):
        assert main(["replay", file, *words, "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0] == reports[1]
    shelf = reports[0]["slots"]["for-you"]
    assert shelf["changed"] == shelf["lost"]["t-07"] > 20
    assert set(shelf["stages"]) == {"guard"}
    assert reports[0]["slots"]["delivery"]["changed"] == 0
    revision = reports[0]["revision"]
    assert main(["replay", file, "--with", revision[:20], "--registry", str(shop / "registry")]) == 0
    printed = capsys.readouterr().out
    assert f"30 page decisions again by {revision[:19]}\n" in printed
    assert f"for-you: {shelf['changed']} of 30 changed\n" in printed
    assert "\n  guard: t-07 was blocked by nothing, now by in_stock\n  now t-07 was blocked by in_stock\n" in printed


def test_another_bundle_is_not_judged_by_requests_with_a_qa_token(
    loaded: LoadedBundle, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shoppers = [record_of(loaded, number) for number in range(3)]
    testers = [record_of(loaded, number, qa=Override()) for number in range(3, 15)]
    file = record_file(shop, "with testers", *shoppers, *testers)
    assert main(["replay", file, "--with", str(shop / "later.zip"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["records"], report["visitors"]["decided"], list(report["skipped"].values())) == (3, 3, [12])
    assert main(["replay", file, "--with", str(shop / "later.zip")]) == 0
    assert "\n12 skipped: asked with a QA token, which counts for nobody\n" in capsys.readouterr().out
    assert main(["replay", file, "--bundle", str(shop / "bundle.zip")]) == 0
    assert capsys.readouterr().out == "15 of 15 identical\n", "what they met is decided again like all else"
