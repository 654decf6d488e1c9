"""Structs that pass unknown fields over, for messages of another minor version."""

from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec


def lenient(struct: type[msgspec.Struct]) -> Any:
    """Return a subclass of `struct` that ignores unknown fields, in nested structs too.

    Array-like structs keep the order of their fields and may carry more items at their end.
    """
    hints = get_type_hints(struct, include_extras=True)
    fields = [_field(field, hints[field.name]) for field in msgspec.structs.fields(struct)]
    return msgspec.defstruct(struct.__name__, fields, bases=(struct,), forbid_unknown_fields=False)


def _field(field: msgspec.structs.FieldInfo, hint: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.required:
        return (field.name, _relaxed(hint))
    if field.default is msgspec.NODEFAULT:  # a list is made anew for each message
        return (field.name, _relaxed(hint), msgspec.field(default_factory=field.default_factory))
    return (field.name, _relaxed(hint), field.default)


def _relaxed(hint: Any) -> Any:
    """Return the type with every struct inside it made lenient."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lenient(hint)
    if hasattr(hint, "__metadata__"):
        return Annotated[(_relaxed(hint.__origin__), *hint.__metadata__)]
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return list[_relaxed(item)]  # type: ignore[misc]
    return hint
