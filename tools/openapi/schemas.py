"""JSON Schemas of bodies and answers, made from the msgspec structs that the code reads and writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tools.openapi import sentences

Json = dict[str, Any]

_REF = "#/components/schemas/"
_PAGE = re.compile(r"Page_(\w+)_")


def components(bodies: Iterable[Any], answers: Iterable[Any]) -> Json:
    """Return the schemas of these types and of the types inside them, by public name."""
    taken, given = _made(bodies), _made(answers)
    if both := taken.keys() & given.keys():
        raise ValueError(f"sent and answered under the same name: {', '.join(sorted(both))}")
    for schema in taken.values():
        # Unknown fields are refused.
        schema["additionalProperties"] = False
    for schema in given.values():
        _as_answered(schema)
    return dict(sorted((taken | given).items()))


def ref(kind: Any) -> Json:
    """Return a reference to the schema of a type."""
    ((schema,), _) = msgspec.json.schema_components([kind], ref_template=_REF + "{name}")
    return {"$ref": _REF + _public(schema["$ref"].removeprefix(_REF))}


def query_parameters(kind: type[msgspec.Struct]) -> Iterator[Json]:
    """Return the fields of a query as parameters."""
    (schema,) = _made([kind]).values()
    for name, field in schema["properties"].items():
        plain = _without_null(field)
        said = plain.pop("description", "")
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "description": said,
            "schema": plain,
        }


def in_markdown(docstring: str) -> str:
    """Convert a docstring to Markdown: a line for each paragraph."""
    paragraphs = re.split(r"\n\s*\n", docstring.strip().replace("``", "`"))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _made(kinds: Iterable[Any]) -> Json:
    kinds = list(kinds)
    _, parts = msgspec.json.schema_components(kinds, ref_template=_REF + "{name}")
    made = {_public(name): _renamed(schema) for name, schema in parts.items()}
    for struct in (struct for kind in kinds for struct in sentences.structs_in(kind)):
        properties = made[ref(struct)["$ref"].removeprefix(_REF)]["properties"]
        for name, said in sentences.of_fields(struct).items():
            properties[name]["description"] = in_markdown(said)
    return made


def _public(name: str) -> str:
    """Return a type's public name: Booking for ``BookingOut``, BookingPage for ``Page[BookingOut]``."""
    if page := _PAGE.fullmatch(name):
        return _public(page[1]) + "Page"
    return name.removesuffix("Out")


def _renamed(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return [_renamed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _renamed(value) for name, value in schema.items() if name != "title" or isinstance(value, dict)}
    if "$ref" in made:
        made = {"$ref": _REF + _public(made["$ref"].removeprefix(_REF))}
    if "enum" in made:
        made.setdefault("type", "string")
    if isinstance(made.get("description"), str):
        made["description"] = in_markdown(made["description"])
    return made


def _as_answered(schema: Json) -> None:
    """Drop null defaults, and require fields with another default: an answer always has those."""
    for name, field in schema["properties"].items():
        if "default" not in field:
            continue
        if field["default"] is not None:
            schema["required"].append(name)
        schema["properties"][name] = _without_null(field)
        schema["properties"][name].pop("default", None)


def _without_null(field: Json) -> Json:
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **{name: value for name, value in field.items() if name not in ("anyOf", "default")}}
    return field
