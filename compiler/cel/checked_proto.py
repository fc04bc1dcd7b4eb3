"""The messages of cel.expr.CheckedExpr and ParsedExpr (google/cel-spec), declared at run time: no generated code.

Left out, and so kept by protobuf as unknown fields: declarations, extensions, the deprecated time constants.
"""

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import Message

_F = FieldDescriptorProto
_PACKAGE = "celast"
_SCALARS = {
    "bool": _F.TYPE_BOOL,
    "bytes": _F.TYPE_BYTES,
    "double": _F.TYPE_DOUBLE,
    "int32": _F.TYPE_INT32,
    "int64": _F.TYPE_INT64,
    "string": _F.TYPE_STRING,
    "uint64": _F.TYPE_UINT64,
}

# Fields as "number type name": `*` repeated, `@` a map keyed by int64, `|` a member of the oneof `kind`.
_MESSAGES = {
    "CheckedExpr": "2 @Reference reference_map, 3 @Type type_map, 4 Expr expr, 5 SourceInfo source_info",
    "ParsedExpr": "2 Expr expr, 3 SourceInfo source_info",
    "Reference": "1 string name, 3 *string overload_id, 4 Constant value",
    "SourceInfo": "3 *int32 line_offsets, 4 @int32 positions",
    "Empty": "",
    "Type": "1 |Empty dyn, 2 |int32 null, 3 |int32 primitive, 5 |int32 well_known, 6 |ListType list_type, "
    "7 |MapType map_type, 9 |string message_type, 10 |string type_param, 11 |Type type, 14 |AbstractType abstract_type",
    "AbstractType": "1 string name, 2 *Type parameter_types",
    "ListType": "1 Type elem_type",
    "MapType": "1 Type key_type, 2 Type value_type",
    "Constant": "1 |int32 null_value, 2 |bool bool_value, 3 |int64 int64_value, 4 |uint64 uint64_value, "
    "5 |double double_value, 6 |string string_value, 7 |bytes bytes_value",
    "Expr": "2 int64 id, 3 |Constant const_expr, 4 |Ident ident_expr, 5 |Select select_expr, 6 |Call call_expr, "
    "7 |CreateList list_expr, 8 |CreateStruct struct_expr, 9 |Comprehension comprehension_expr",
    "Ident": "1 string name",
    "Select": "1 Expr operand, 2 string field, 3 bool test_only",
    "Call": "1 Expr target, 2 string function, 3 *Expr args",
    "CreateList": "1 *Expr elements, 2 *int32 optional_indices",
    "CreateStruct": "1 string message_name, 2 *Entry entries",
    "Entry": "1 int64 id, 2 |string field_key, 3 |Expr map_key, 4 Expr value, 5 bool optional_entry",
    "Comprehension": "1 string iter_var, 2 Expr iter_range, 3 string accu_var, 4 Expr accu_init, "
    "5 Expr loop_condition, 6 Expr loop_step, 7 Expr result, 8 string iter_var2",
}


def parse_checked(serialized: bytes) -> Message:
    """The CheckedExpr in what the library serialises (it wraps it in an Any); unchecked, one without types."""
    packed = any_pb2.Any.FromString(serialized)
    if packed.type_url.endswith("ParsedExpr"):
        parsed = _PARSED_EXPR.FromString(packed.value)
        return _CHECKED_EXPR(expr=parsed.expr, source_info=parsed.source_info)
    return _CHECKED_EXPR.FromString(packed.value)


def _build() -> tuple[type[Message], type[Message]]:
    file = FileDescriptorProto(name="edgewise/checked.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in filter(None, fields.split(", ")):
            _add(message, *field.split(" "))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    checked, parsed = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("CheckedExpr", "ParsedExpr")
    ]
    return checked, parsed


def _add(message: DescriptorProto, number: str, kind: str, name: str) -> None:
    base = kind.lstrip("*@|")
    is_many = kind[0] in "*@"
    label = _F.LABEL_REPEATED if is_many else _F.LABEL_OPTIONAL
    field = message.field.add(name=name, number=int(number), label=label)
    _set_type(field, _add_entry(message, name, base) if kind[0] == "@" else base)
    if kind[0] == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="kind")
        field.oneof_index = 0


def _add_entry(message: DescriptorProto, field: str, base: str) -> str:
    entry = message.nested_type.add(name="".join(part.title() for part in field.split("_")) + "Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_F.TYPE_INT64, label=_F.LABEL_OPTIONAL)
    _set_type(entry.field.add(name="value", number=2, label=_F.LABEL_OPTIONAL), base)
    return f"{message.name}.{entry.name}"


def _set_type(field: FieldDescriptorProto, base: str) -> None:
    if base in _SCALARS:
        field.type = _SCALARS[base]
    else:
        field.type, field.type_name = _F.TYPE_MESSAGE, f".{_PACKAGE}.{base}"


_CHECKED_EXPR, _PARSED_EXPR = _build()
