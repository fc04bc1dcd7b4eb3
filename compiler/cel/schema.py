"""Declared features and columns -> an environment that type-checks CEL.

Each root but `now` and `score` is a proto3 message type built at run time, so an unknown field, a wrong type and
`has()` are the checker's business. Functions of our own come from `engine.programs.functions`.
"""

from collections.abc import Iterable, Mapping

from cel_expr_python import cel
from google.protobuf import descriptor_pool, duration_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from contracts.catalog import ColumnSpec
from contracts.features import FeatureSchema, Root, ValueType
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.types import CelType

PACKAGE = "edgewise"
_F = FieldDescriptorProto
_TIMESTAMP = ".google.protobuf.Timestamp"
_SCALARS = {
    ValueType.BOOL: _F.TYPE_BOOL,
    ValueType.INT: _F.TYPE_INT64,
    ValueType.DOUBLE: _F.TYPE_DOUBLE,
    ValueType.STRING: _F.TYPE_STRING,
}
_EXTENSIONS = "extensions: [{}]".format(
    ", ".join(
        f"{{name: {name}}}"
        for name in (
            "bindings",
            "encoders",
            "lists",
            "math",
            "optional",
            "regex",
            "sets",
            "strings",
            "two-var-comprehensions",
        )
    )
)
_CHECKER_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "uint": cel.Type.UINT,
    "string": cel.Type.STRING,
    "bytes": cel.Type.BYTES,
    "null": cel.Type.NULL,
    "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION,
    "dyn": cel.Type.DYN,
}


def fields_of(
    schema: FeatureSchema, columns: Iterable[ColumnSpec], models: Iterable[str] = ()
) -> dict[Root, dict[str, ValueType]]:
    """The fields of every root that has some; `models` are those whose scores have a name."""
    features = {
        root: {spec.name: spec.type for spec in schema.of(root)}
        for root in (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
    }
    of_items = {column.name: column.type for column in columns}
    return {**features, Root.ITEM: of_items, Root.SCORES: dict.fromkeys(models, ValueType.DOUBLE)}


def environment(fields: Mapping[Root, Mapping[str, ValueType]], roots: Iterable[Root]) -> cel.Env:
    """An environment in which exactly these roots may be read."""
    pool = descriptor_pool.DescriptorPool()  # its own: the default pool is process-wide and never forgets
    for well_known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file(fields).SerializeToString())
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_EXTENSIONS),
        descriptor_pool=pool,
        variables={str(root): _type_of(root) for root in roots},
        functions=_own_functions(),
    )


def bare_environment(variables: Mapping[str, CelType], container: str, *, has_macros: bool = True) -> cel.Env:
    """An environment of these variables alone; names are looked up in the container first."""
    library = _EXTENSIONS if has_macros else f"stdlib: {{disable_macros: true}}\n{_EXTENSIONS}"
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(library),
        variables={name: _checker_type(kind) for name, kind in variables.items()},
        functions=_own_functions(),
        container=container,
    )


def root_of(message: str) -> Root | None:
    """The root whose message type this is."""
    return next((root for root in Root if f"{PACKAGE}.{_title(root)}" == message), None)


def _type_of(root: Root) -> cel.Type:
    if root is Root.NOW:
        return cel.Type.TIMESTAMP
    return cel.Type.DOUBLE if root is Root.SCORE else cel.Type(f"{PACKAGE}.{_title(root)}")


def _own_functions() -> list[cel.FunctionDecl]:
    by_name: dict[str, list[Declaration]] = {}
    for function in FUNCTIONS.values():
        if function.is_own:
            by_name.setdefault(function.name, []).append(function)
    return [cel.FunctionDecl(name, [_overload(each) for each in same]) for name, same in by_name.items()]


def _overload(function: Declaration) -> cel.Overload:
    return cel.Overload(
        function.id,
        _checker_type(function.result_type),
        [_checker_type(param) for param in function.param_types],
        is_member=function.is_member,
    )


def _checker_type(kind: CelType) -> cel.Type:
    if kind.name == "optional":
        return cel.Type.AbstractType("optional_type", [_checker_type(kind.of[0])])
    if kind.name == "list":
        return cel.Type.List(_checker_type(kind.of[0]))
    if kind.name == "map":
        return cel.Type.Map(_checker_type(kind.of[0]), _checker_type(kind.of[1]))
    return _CHECKER_TYPES[kind.name]


def _file(fields: Mapping[Root, Mapping[str, ValueType]]) -> FileDescriptorProto:
    file = FileDescriptorProto(name="edgewise/roots.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    for root, kinds in fields.items():
        message = file.message_type.add(name=_title(root))
        for number, (name, kind) in enumerate(kinds.items(), 1):
            _add_field(message, name, number + 10_000 * (number >= 19_000), kind)  # 19000-19999 are protobuf's own
    return file


def _add_field(message: DescriptorProto, name: str, number: int, kind: ValueType) -> None:
    field = message.field.add(name=name, number=number, label=_F.LABEL_OPTIONAL)
    if kind is ValueType.TIMESTAMP:
        field.type, field.type_name = _F.TYPE_MESSAGE, _TIMESTAMP
    elif kind is ValueType.STRINGS:
        field.type, field.label = _F.TYPE_STRING, _F.LABEL_REPEATED
    elif kind is ValueType.NUMBERS:
        field.type, field.label = _F.TYPE_MESSAGE, _F.LABEL_REPEATED
        field.type_name = f".{PACKAGE}.{message.name}.{_add_entry(message, name)}"
    else:
        field.type = _SCALARS[kind]


def _add_entry(message: DescriptorProto, field: str) -> str:
    """A map is a repeated message of key and value that protobuf wants named after its field."""
    entry = message.nested_type.add(name=_title(field) + "Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_F.TYPE_STRING, label=_F.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=_F.TYPE_DOUBLE, label=_F.LABEL_OPTIONAL)
    return str(entry.name)


def _title(name: str) -> str:
    """`visitor_state` -> `VisitorState`, as protobuf derives the name of a map's entry type."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
