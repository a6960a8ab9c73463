"""What the document says of a field: the string that stands below it in the code, or below its type.

A field whose type has a name and a sentence of its own (``Title``, ``BookingStatus``) needs none. Where the type lists
words, its sentence, which says what each of them means, follows the field's own.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

import chalicelib

LAYERS = ("api", "services", "domain")
"""Where the types of fields stand."""


def of_fields(kind: Any) -> dict[str, str]:
    """Return the sentences of a struct's fields, by their names in JSON; a field without one is left out."""
    struct = get_origin(kind) or kind
    names = _names_in_json(struct)
    found: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if part.__module__.startswith(f"{chalicelib.__name__}."):
            for field, own in _with_strings(_classes(part.__module__).get(part.__name__, ())):
                if isinstance(field, ast.AnnAssign) and (said := _sentence(field.annotation, own)):
                    found[names[ast.unparse(field.target)]] = said
    return found


def structs_in(kind: Any) -> Iterator[Any]:
    """Yield the structs that a type is made of, itself included; some more than once."""
    struct = get_origin(kind) or kind
    if _names_in_json(struct):
        yield kind
        for hint in get_type_hints(struct, include_extras=True).values():
            yield from structs_in(hint)
    for part in get_args(kind):
        yield from structs_in(part)


def _names_in_json(struct: Any) -> dict[str, str]:
    """Return the names of a struct's fields in JSON, by those in the code; nothing for what is no struct."""
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
        return dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    return {name: name for name in getattr(struct, "__dataclass_fields__", ())}


def _sentence(annotation: ast.expr, own: str) -> str:
    named = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name) and node.id in _types()]
    if not named:
        return own
    of_type, lists_words = _types()[named[0]]
    return f"{own}\n\n{of_type}" if own and lists_words else own or of_type


@cache
def _classes(module: str) -> Mapping[str, Sequence[ast.stmt]]:
    """Return what stands in each class of a module, by the class's name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


@cache
def _types() -> Mapping[str, tuple[str, bool]]:
    """Return the sentence of each type that has a name, and whether it lists words."""
    found: dict[str, tuple[str, bool]] = {}
    root = Path(chalicelib.__path__[0])
    for file in sorted(file for layer in LAYERS for file in (root / layer).rglob("*.py")):
        for statement, own in _with_strings(ast.parse(file.read_text(encoding="utf-8")).body):
            if own and isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Subscript):
                form = ast.unparse(statement.value.value)
                if form in ("Literal", "Annotated"):
                    found[ast.unparse(statement.targets[0])] = (own, form == "Literal")
    return found


def _with_strings(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each statement, and the string that stands below it; nothing where there is none."""
    for statement, below in zip(body, [*body[1:], None], strict=True):
        own = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and below.value.value
        yield statement, inspect.cleandoc(own) if isinstance(own, str) else ""
