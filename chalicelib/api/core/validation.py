"""From JSON to typed requests, with every field error at once.

msgspec converts and checks one field quickly but stops at the first error, so a body is walked field by field: unknown,
missing and wrong ones are all named by their dotted path. What a type alone cannot say (a zone, a phone number) stands
as a ``check`` in the field's ``Meta.extra``: a function that answers the value to be kept, or raises ValueError with a
sentence. What several fields say together stands in a struct's ``across``, which is given those that are right.
"""

from __future__ import annotations

import codecs
import json
import re
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from chalicelib.api.core.refusals import InvalidJson, WrongFields
from chalicelib.domain.errors import FieldError

T = TypeVar("T", bound=msgspec.Struct)
Check = Callable[[str], str]

_KINDS = {
    "int": "must be a whole number",
    "str": "must be text",
    "bool": "must be true or false",
    "array": "must be a list",
    "date": "must be a date, such as 2027-01-14",
}
_EXPECTED = re.compile(r"Expected `(\w+)`(?: of length)?(?: (<=|>=) (\d+))?")
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_LIMITS = {
    ("int", "<="): "must be at most {}",
    ("int", ">="): "must be at least {}",
    ("str", "<="): "must have at most {} characters",
    ("str", ">="): "must have at least {} characters",
    ("array", "<="): "must have at most {} items",
}


def read_body(raw: bytes, kind: type[T]) -> T:
    """A JSON object as ``kind``. Raises InvalidJson, which says what is wrong with the text; WrongFields."""
    if not raw.strip():
        raise InvalidJson("The body is empty: send a JSON object.")
    if raw.startswith(codecs.BOM_UTF8):
        raise InvalidJson("The body begins with a byte order mark: send UTF-8 without one.")
    try:
        raw.decode()
        value = msgspec.json.decode(raw)
        # msgspec keeps the last of two fields of the same name, without a word.
        json.loads(raw, object_pairs_hook=_each_once)
    except UnicodeDecodeError as error:
        raise InvalidJson("The body is not UTF-8.") from error
    except RecursionError as error:
        raise InvalidJson("The body nests its values too deeply.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidJson(f"The body is not JSON that can be read: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidJson("The body is not a JSON object.")
    return _read(value, kind, strict=True)


def read_query(params: Mapping[str, list[str]], kind: type[T]) -> T:
    """Query parameters as ``kind``: numbers and dates are read from their text. Raises WrongFields."""
    repeated = tuple(FieldError(_printable(name), "is given twice") for name in sorted(params) if len(params[name]) > 1)
    if repeated:
        raise WrongFields(repeated, {})
    return _read({name: values[0] for name, values in params.items()}, kind, strict=False)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"it names `{_printable(twice)}` twice")


def _read(value: Mapping[str, Any], kind: type[T], *, strict: bool) -> T:
    errors: list[FieldError] = []
    right = _fields(value, kind, "", errors, strict=strict)
    if errors:
        raise WrongFields(tuple(errors), right)
    return kind(**right)


@cache
def _declared(kind: type[msgspec.Struct]) -> Mapping[str, tuple[msgspec.structs.FieldInfo, Any]]:
    """The fields of ``kind`` and their types, by their names in JSON. Resolving types costs more than checking them."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.encode_name: (field, hints[field.name]) for field in msgspec.structs.fields(kind)}


def _fields(
    value: Mapping[str, Any], kind: type[msgspec.Struct], path: str, errors: list[FieldError], *, strict: bool
) -> dict[str, Any]:
    """The fields of ``kind`` that are right, those left out as their defaults; ``errors`` grows by the rest."""
    declared = _declared(kind)
    errors += [FieldError(path + _printable(name), "is not a field here") for name in value if name not in declared]
    right: dict[str, Any] = {}
    for encoded, (field, hint) in declared.items():
        if encoded not in value:
            if field.required:
                errors.append(FieldError(path + encoded, "is missing"))
            else:
                right[field.name] = field.default
            continue
        so_far = len(errors)
        made = _field(value[encoded], hint, path + encoded, errors, strict=strict)
        if len(errors) == so_far:
            right[field.name] = made
    if across := getattr(kind, "across", None):
        errors += [FieldError(path + error.field, error.message) for error in across(right)]
    return right


def _field(value: Any, hint: Any, path: str, errors: list[FieldError], *, strict: bool) -> Any:
    """The value to be kept; whatever it is when ``errors`` grew."""
    bare, optional = _without_none(hint)
    if value is None and optional:
        return None
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        if not isinstance(value, dict):
            errors.append(FieldError(path, "must be an object"))
            return None
        so_far = len(errors)
        right = _fields(value, bare, path + ".", errors, strict=strict)
        return bare(**right) if len(errors) == so_far else None
    try:
        if not strict and _kind_of(bare) is int and not _WHOLE.fullmatch(value):
            raise msgspec.ValidationError("Expected `int`")  # msgspec would read 1.0 and 1e2, too
        made = msgspec.convert(value, _without_items(bare), strict=strict)
    except msgspec.ValidationError as error:
        errors.append(FieldError(path, _sentence(str(error), bare)))
        return None
    if item := _item_of(bare):
        return tuple(_field(part, item, f"{path}.{n}", errors, strict=strict) for n, part in enumerate(made))
    for check in _checks(bare):
        try:
            made = check(made)
        except ValueError as error:
            errors.append(FieldError(path, str(error)))
            return None
    return made


@cache
def _without_none(hint: Any) -> tuple[Any, bool]:
    """What a value must be where there is one, and whether null may stand for it; left out is no value at all."""
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind not in (type(None), msgspec.UnsetType)]
        return (kinds[0] if len(kinds) == 1 else hint), type(None) in get_args(hint)
    return hint, False


@cache
def _kind_of(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


@cache
def _item_of(hint: Any) -> Any:
    """What each item of a list must be; None for a hint that is no list."""
    kind = _kind_of(hint)
    return get_args(kind)[0] if get_origin(kind) is tuple else None


@cache
def _without_items(hint: Any) -> Any:
    """A list's own limits, whatever is in it: its items are checked one by one."""
    if _item_of(hint) is None:
        return hint
    limits = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return Annotated[(list[Any], *limits)] if limits else list[Any]


@cache
def _checks(hint: Any) -> tuple[Check, ...]:
    metas = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    marked = [meta.extra for meta in metas if isinstance(meta, msgspec.Meta) and meta.extra]
    return tuple(extra["check"] for extra in marked if "check" in extra)


def _sentence(complaint: str, hint: Any) -> str:
    """What msgspec complains of, for a person, and without the value."""
    if get_origin(hint) is Literal:
        return "must be one of " + ", ".join(str(word) for word in get_args(hint))
    if hint is date:
        return _KINDS["date"]
    if _kind_of(hint) is datetime:
        return "must be an instant, such as 2027-01-14T08:15:30Z"
    match = _EXPECTED.match(complaint)
    if match is None:
        return "is not right"
    kind, limit, number = match.groups()
    if (kind, limit, number) == ("str", ">=", "1"):
        return "must not be empty"
    return _LIMITS[kind, limit].format(number) if limit else _KINDS.get(kind, "is not right")


def _printable(name: str) -> str:
    """An unknown field's name as it may be shown again: short and printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])
