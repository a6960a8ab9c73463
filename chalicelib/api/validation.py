"""From JSON to typed requests, with every field error at once.

msgspec converts and checks one field quickly but stops at the first error, so a refused body is walked field by
field: unknown, missing and wrong ones are all named by their dotted path. What a type alone cannot say (a zone, a
phone number) stands as a ``check`` in the field's ``Meta.extra``: a function that answers the value to be kept, or
raises ValueError with a sentence.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from ..domain.errors import FieldError, InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)
Check = Callable[[Any], Any]

MAX_DEPTH = 32


class InvalidJson(InvalidRequest):
    """The body is no JSON object."""

    code = "invalid_json"


def read_body(raw: bytes, kind: type[T]) -> T:
    """A JSON object as ``kind``. Raises InvalidJson, InvalidRequest with every wrong field."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidJson("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidJson("The body is not a JSON object.")
    return read(value, kind, strict=True)


def read_query(params: Mapping[str, list[str]], kind: type[T]) -> T:
    """Query parameters as ``kind``: numbers and dates are read from their text. Raises InvalidRequest."""
    repeated = [name for name, values in params.items() if len(values) > 1]
    errors = tuple(FieldError(name, "is given twice") for name in sorted(repeated))
    if errors:
        raise InvalidRequest("The query is not right.", errors=errors)
    return read({name: values[0] for name, values in params.items()}, kind, strict=False)


def read(value: Mapping[str, Any], kind: type[T], *, strict: bool) -> T:
    """Raises InvalidRequest that names every unknown, missing and wrong field."""
    errors: list[FieldError] = []
    made = _struct(value, kind, "", errors, strict=strict)
    if errors or made is None:
        raise InvalidRequest("Some fields are not right.", errors=tuple(errors))
    return made


def _struct(
    value: Mapping[str, Any], kind: type[T], path: str, errors: list[FieldError], *, strict: bool
) -> T | None:
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(errors)
    errors += [FieldError(path + _shown(name), "is not a field here") for name in value if name not in fields]
    made = {}
    for encoded, field in fields.items():
        if encoded not in value:
            if field.required:
                errors.append(FieldError(path + encoded, "is missing"))
            continue
        made[field.name] = _field(value[encoded], hints[field.name], path + encoded, errors, strict=strict)
    return kind(**made) if len(errors) == before else None


def _field(value: Any, hint: Any, path: str, errors: list[FieldError], *, strict: bool) -> Any:
    bare, optional = _without_none(hint)
    if value is None and optional:
        return None
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        if not isinstance(value, dict):
            errors.append(FieldError(path, "must be an object"))
            return None
        return _struct(value, bare, path + ".", errors, strict=strict)
    try:
        made = msgspec.convert(value, hint, strict=strict)
    except msgspec.ValidationError as error:
        errors.append(FieldError(path, _sentence(str(error))))
        return None
    for check in _checks(hint):
        try:
            made = check(made)
        except ValueError as error:
            errors.append(FieldError(path, str(error)))
            return None
    return made


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return (kinds[0] if len(kinds) == 1 else hint), len(kinds) < len(get_args(hint))
    return hint, False


def _checks(hint: Any) -> Iterator[Check]:
    bare, _ = _without_none(hint)
    if get_origin(bare) is Annotated:
        for meta in get_args(bare)[1:]:
            if isinstance(meta, msgspec.Meta) and meta.extra and "check" in meta.extra:
                yield meta.extra["check"]


def _sentence(text: str) -> str:
    """msgspec's message for a person; the path that it adds is ours to say."""
    text, _, where = text.partition(" - at `$")
    item = where.rstrip("`")
    return (f"{item} " if item else "") + text[:1].lower() + text[1:]


def _shown(name: str) -> str:
    """An unknown field's name as it may be shown again: short and printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])
