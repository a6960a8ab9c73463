"""How many read and write units the requests cost that really go to DynamoDB.

``Meter`` listens on the client under test. Of each write it looks at the items before and after, through a client
of its own, and charges what AWS does: the larger of both sizes in whole KB, twice within a transaction; and one unit
for every index entry that is written or taken away (all indexes hold keys only, so an entry is below 1 KB). Of each
read it charges the answer in steps of 4 KB, half where it is not strongly consistent.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pynamodb.connection import Connection

from local.stack.emulator.resources import template

Item = dict[str, Any]


@dataclass(frozen=True)
class Charge:
    """One line of the bill."""

    step: str
    what: str
    writes: float = 0
    reads: float = 0


class Meter:
    """Counts from its making until ``close``; ``step`` names the lines that follow."""

    def __init__(self, connection: Connection, admin: Any, tables: dict[str, str]) -> None:
        """``tables``: the name of each table, and its logical id in the template."""
        self.step = ""
        self.charges: list[Charge] = []
        self._admin = admin
        self._shapes = {name: template()["Resources"][logical]["Properties"] for name, logical in tables.items()}
        self._before: list[tuple[str, Item, Item | None, bool]] = []
        self._request: dict[str, Any] = {}
        self._events = connection.client.meta.events
        self._events.register("before-call.dynamodb", self._called)
        self._events.register("after-call.dynamodb", self._answered)

    def close(self) -> None:
        self._events.unregister("before-call.dynamodb", self._called)
        self._events.unregister("after-call.dynamodb", self._answered)

    @property
    def writes(self) -> float:
        return sum(charge.writes for charge in self.charges)

    @property
    def reads(self) -> float:
        return sum(charge.reads for charge in self.charges)

    def bill(self) -> str:
        """All lines, and a sum for each step."""
        steps = list(dict.fromkeys(charge.step for charge in self.charges))
        lines = []
        for step in steps:
            own = [charge for charge in self.charges if charge.step == step]
            lines.append(f"{step:<10} {sum(c.writes for c in own):5g} WRU {sum(c.reads for c in own):5g} RRU")
            counted = Counter(own)
            lines += [f"    {n} × {c.what}: {c.writes:g} WRU, {c.reads:g} RRU" for c, n in counted.items()]
        return "\n".join([*lines, f"{'in all':<10} {self.writes:5g} WRU {self.reads:5g} RRU"])

    def _called(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        body = self._request = json.loads(params["body"])
        match model.name:
            case "PutItem":
                touched = [(body["TableName"], self._key(body["TableName"], body["Item"]), False)]
            case "UpdateItem":
                touched = [(body["TableName"], body["Key"], False)]
            case "TransactWriteItems":
                touched = []
                for entry in body["TransactItems"]:
                    [(kind, what)] = entry.items()
                    key = self._key(what["TableName"], what["Item"]) if kind == "Put" else what["Key"]
                    touched.append((what["TableName"], key, True))
            case _:
                touched = []
        self._before = [(table, key, self._look(table, key), twice) for table, key, twice in touched]

    def _answered(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        assert http_response.status_code == 200, parsed
        for table, key, old, twice in self._before:
            self._charge_write(table, key, old, twice=twice)
        match model.name:
            case "GetItem":
                size = size_of(parsed.get("Item", {}))
                self._charge_read(f"get {self._name(self._request['Key'])}", size)
            case "Query":
                what = self._request.get("IndexName") or "reviews"
                self._charge_read(f"query {what}", sum(size_of(item) for item in parsed["Items"]))
            case "BatchGetItem":
                for table, asked in self._request["RequestItems"].items():
                    strong = bool(asked.get("ConsistentRead"))
                    found = [(self._key(table, item), size_of(item)) for item in parsed["Responses"].get(table, ())]
                    absent = [(key, 0) for key in asked["Keys"] if key not in [known for known, _ in found]]
                    for key, size in found + absent:
                        self._charge_read(f"get {self._name(key)} of a batch", size, consistent=strong)

    def _charge_write(self, table: str, key: Item, old: Item | None, *, twice: bool) -> None:
        new = self._look(table, key)
        size = max(size_of(old or {}), size_of(new or {}))
        how = "in a transaction " if twice else ""
        units = max(1, math.ceil(size / 1024)) * (2 if twice else 1)
        self.charges.append(Charge(self.step, f"write {how}{self._name(key)} ({math.ceil(size / 1024)} KB)", units))
        for index in self._shapes[table].get("GlobalSecondaryIndexes", []):
            names = [part["AttributeName"] for part in index["KeySchema"]]
            before, after = _entry(old, names), _entry(new, names)
            if before != after:
                entries = (before is not None) + (after is not None)
                self.charges.append(Charge(self.step, f"index {index['IndexName']}", entries))

    def _charge_read(self, what: str, size: int, *, consistent: bool | None = None) -> None:
        strong = bool(self._request.get("ConsistentRead")) if consistent is None else consistent
        units = max(1, math.ceil(size / 4096)) * (1 if strong else 0.5)
        self.charges.append(Charge(self.step, what, reads=units))

    def _look(self, table: str, key: Item) -> Item | None:
        return self._admin.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    def _key(self, table: str, item: Item) -> Item:
        return {part["AttributeName"]: item[part["AttributeName"]] for part in self._shapes[table]["KeySchema"]}

    @staticmethod
    def _name(key: Item) -> str:
        """What kind of item this is."""
        if "book" in key:
            return "ledger " + str(key["book"]["S"]).partition("#")[0].lower()
        text = str(list(key.values())[-1]["S"])
        return "booking" if text.startswith("GZ") else text.partition("#")[0].lower()


def size_of(item: Item) -> int:
    """The size that AWS counts: names and values in bytes."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: dict[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content.strip("-0.")) / 2) + 1
        case "B":
            return len(content if isinstance(content, bytes) else base64.b64decode(content))
    return 1


def _entry(item: Item | None, names: list[str]) -> list[Any] | None:
    """What an index holds of an item; nothing unless it has all of the index's keys."""
    return [item[name] for name in names] if item is not None and all(name in item for name in names) else None
