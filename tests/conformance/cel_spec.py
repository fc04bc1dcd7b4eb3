"""The conformance cases of google/cel-spec from the npm package @bufbuild/cel-spec, in the form that we read.

`python tests/conformance/cel_spec.py` writes them into the ignored folder .cache; it needs npm and node. The package
has the cases as a JavaScript module of protobuf's JSON: values are `{"int64Value": "1"}`, ours are `["int", "1"]`.
"""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = "@bufbuild/cel-spec@0.6.1"
FOLDER = Path(__file__).parents[2] / ".cache/cel-spec"
CASES = FOLDER / "cases.json"
_MODULE = "package/dist/esm/testdata/conformance.js"
_PROTO_FILES = frozenset({"dynamic", "enums", "proto2", "proto2_ext", "proto3", "wrappers"})
_PROTO_WORDS = ("TestAllTypes", "google.protobuf.Any", "google.protobuf.Struct", "Value{", "GlobalEnum", "NestedEnum")
_PRIMITIVES = {"INT64": "int", "UINT64": "uint"}
_SCALARS = {"boolValue": "bool", "int64Value": "int", "uint64Value": "uint", "stringValue": "string"}
_SCALARS |= {"bytesValue": "bytes", "typeValue": "type"}


def fetch() -> None:
    """Downloads the package through npm, and writes its cases."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=FOLDER, check=True, capture_output=True, text=True
    ).stdout.strip()
    with tarfile.open(FOLDER / archive) as packed:
        packed.extract(_MODULE, FOLDER, filter="data")
    (FOLDER / "package.json").write_text('{"type": "module"}')
    signed = "const signed = (_, value) => Object.is(value, -0) ? '-0' : value;"  # JSON would drop the sign
    script = f"import {{tests}} from './{_MODULE}'; {signed} process.stdout.write(JSON.stringify(tests, signed))"
    printed = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=FOLDER, check=True, capture_output=True, text=True
    ).stdout
    CASES.write_text(json.dumps(list(_cases(json.loads(printed), ()))))


def _cases(suite: dict[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for test in suite.get("tests", ()):
        yield _case(test["original"], path)
    for inner in suite.get("suites", ()):
        yield from _cases(inner, (*path, inner["name"]))


def _case(test: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    case: dict[str, Any] = {"id": "/".join((*path, test["name"])), "file": path[0], "expr": test["expr"]}
    expected, case["needs_proto"] = _expected(test), path[0] in _PROTO_FILES
    case["needs_proto"] |= any(word in json.dumps(test) for word in _PROTO_WORDS)
    for ours, theirs in (("disable_check", "disableCheck"), ("check_only", "checkOnly"), ("container", "container")):
        if theirs in test:
            case[ours] = test[theirs]
    case["type_env"] = [[each["name"], _declared(each)] for each in test.get("typeEnv", ())]
    case["bindings"] = {name: _value(each["value"]) for name, each in test.get("bindings", {}).items()}
    return {**case, "expect": expected}


def _expected(test: dict[str, Any]) -> dict[str, Any]:
    if "evalError" in test:
        return {"error": [each["message"] for each in test["evalError"]["errors"]]}
    typed = test.get("typedResult", {})
    expected = {"type": _type(typed["deducedType"])} if "deducedType" in typed else {}
    value = test.get("value", typed.get("result"))
    return expected | ({"value": _value(value)} if value is not None else {})


def _declared(declared: dict[str, Any]) -> object:
    return _type(declared["ident"]["type"]) if "ident" in declared else declared["function"]


def _type(kind: dict[str, Any]) -> str:
    ((form, what),) = kind.items()
    match form:
        case "primitive":
            return _PRIMITIVES.get(what, str(what).lower())
        case "wellKnown":
            return str(what).lower()
        case "null" | "dyn":
            return str(form)
        case "listType":
            return f"list({_type(what['elemType'])})"
        case "mapType":
            return f"map({_type(what['keyType'])},{_type(what['valueType'])})"
        case "abstractType":
            return f"{what['name']}({','.join(map(_type, what.get('parameterTypes', ())))})"
    return f"{form}:{what}"


def _value(value: dict[str, Any]) -> list[Any]:
    ((form, what),) = value.items()
    match form:
        case "nullValue":
            return ["null", None]
        case "doubleValue":
            return ["double", repr(float(what))]
        case "listValue":
            return ["list", [_value(each) for each in what.get("values", ())]]
        case "mapValue":
            return ["map", [[_value(each["key"]), _value(each["value"])] for each in what.get("entries", ())]]
    if form in _SCALARS:
        return [_SCALARS[form], what]
    return ["object", what]


if __name__ == "__main__":
    try:
        fetch()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"could not fetch {PACKAGE}: {error}. Install npm and node, then run `make conformance` again.")
    print(f"{CASES.relative_to(Path.cwd())}: {len(json.loads(CASES.read_text()))} cases of {PACKAGE}")
