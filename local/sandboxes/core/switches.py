"""`Switches`: the behaviours of a sandbox by name, for all that sources disagree about and all that can fail.

A sandbox has one table of switches, their values and what these do. `GET …/_control` serves it, `POST …/_control`
sets it; the other parts read `Switches.of(name, tx_ref)`, or `take` once per call. A call's behaviour can be set for
everybody, for one payment, for the next few calls, or for a share of them:

    {"verify": "timeout"}    {"verify": "timeout", "tx_ref": "GZ…-1"}    {"verify": "timeout", "once": true}
    {"verify": "timeout", "once": 3}    {"verify": "timeout", "share": 0.2, "seed": 7}
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

Value = str | float


class BadControlError(Exception):
    """The control JSON names a switch or a value that does not exist. `problems` says which, by name."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Choice:
    """A switch with named values and their descriptions. With `of_a_call` it may be set for some calls only."""

    about: str
    default: str
    values: dict[str, str]
    of_a_call: bool = False

    def check(self, value: Any) -> str | None:
        """Return what is wrong with the value, or None."""
        if isinstance(value, str) and value in self.values:
            return None
        return f"{value!r} is none of: {', '.join(self.values)}"


@dataclass(frozen=True)
class Number:
    """A switch that is a number of seconds, from 0 on."""

    about: str
    default: float
    of_a_call = False

    def check(self, value: Any) -> str | None:
        """Return what is wrong with the value, or None."""
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
            return None
        return f"{value!r} is not a number of seconds"


Table = Mapping[str, Choice | Number]

DELAYS: dict[str, Choice | Number] = {
    "hold_seconds": Number("how long `timeout` and `drip` take", 20.0),
    "slow_seconds": Number("how long `slow` takes", 3.0),
    "late_seconds": Number("how late the `late` webhook is, by the local clock (POST /clock moves it)", 2700.0),
    "refund_seconds": Number("how long a simulated refund takes, by the local clock", 86400.0),
}

LIMITS = ("once", "share", "seed")


@dataclass
class Limited:
    """A value that holds for the next `left` calls (None: for all), or for a `share` of them, drawn by `seed`."""

    name: str
    value: str
    tx_ref: str | None
    left: int | None
    share: float | None
    seed: int
    chance: Random = field(repr=False)

    def meets(self, name: str, tx_ref: str | None) -> bool:
        """Say whether it holds for this call, which is then counted."""
        if name != self.name or self.left == 0 or self.tx_ref not in (None, tx_ref):
            return False
        if self.share is not None and self.chance.random() >= self.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def shown(self) -> dict[str, Any]:
        """Return it for `GET …/_control`."""
        facts = {"tx_ref": self.tx_ref, "left": self.left, "share": self.share}
        drawn = {"seed": self.seed} if self.share is not None else {}
        return {self.name: self.value, **{key: fact for key, fact in facts.items() if fact is not None}, **drawn}


class Switches:
    """The values that are set: for everybody, for single payments, and for some calls."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._lock = threading.Lock()
        self._for_all: dict[str, Value] = {}
        self._for_one: dict[str, dict[str, Value]] = {}
        self._limited: list[Limited] = []

    def take(self, name: str, tx_ref: str | None = None) -> str:
        """Return the value for this call, and use up one call of a limited value. Read it once per call."""
        with self._lock:
            for limited in reversed(self._limited):
                if limited.meets(name, tx_ref):
                    self._limited = [each for each in self._limited if each.left != 0]
                    return limited.value
        return self.of(name, tx_ref)

    def of(self, name: str, tx_ref: str | None = None) -> str:
        """Return the value of a named choice, for a payment if one is given."""
        return str(self._value(name, tx_ref))

    def seconds(self, name: str, tx_ref: str | None = None) -> float:
        """Return the value of a number."""
        return float(self._value(name, tx_ref))

    def set(self, control: dict[str, Any]) -> None:
        """Take a control JSON. `{}` resets all, `{"tx_ref": …}` that payment; null resets one switch.

        Raises BadControlError, and then nothing was changed.
        """
        wanted = {name: value for name, value in control.items() if name not in ("tx_ref", *LIMITS)}
        tx_ref = control.get("tx_ref")
        if problems := self._problems(control, wanted):
            raise BadControlError(problems)
        with self._lock:
            if not control:
                self._for_all, self._for_one, self._limited = {}, {}, []
                return
            self._limited = [each for each in self._limited if not _is_reset(each, wanted, tx_ref)]
            if any(name in control for name in LIMITS):
                self._limited += _limited(control, wanted, tx_ref)
            elif tx_ref is None:
                self._for_all = _merged(self._for_all, wanted)
            else:
                self._for_one[tx_ref] = _merged(self._for_one.get(tx_ref, {}), wanted) if wanted else {}

    def settings(self) -> dict[str, Any]:
        """Return all values as they are now, those of single payments, and those of some calls."""
        with self._lock:
            for_all = {name: self._for_all.get(name, switch.default) for name, switch in self.table.items()}
            return {
                "switches": for_all,
                "by_tx_ref": {key: dict(v) for key, v in self._for_one.items() if v},
                "limited": [each.shown() for each in self._limited],
            }

    def _problems(self, control: dict[str, Any], wanted: dict[str, Any]) -> dict[str, str]:
        problems: dict[str, str] = {}
        if "tx_ref" in control and not (isinstance(control["tx_ref"], str) and control["tx_ref"]):
            problems["tx_ref"] = "tx_ref is not a string"
        limits = [name for name in LIMITS if name in control]
        problems |= {name: wrong for name in limits if (wrong := _wrong_limit(name, control))}
        if limits and not wanted:
            problems[limits[0]] = f"{limits[0]}: no switch is named beside it"
        for name, value in wanted.items():
            switch = self.table.get(name)
            if switch is None:
                problems[name] = f"there is no switch {name!r}; there are: {', '.join(self.table)}"
            elif limits and (value is None or not switch.of_a_call):
                problems[name] = f"{name}: {limits[0]} goes with a value for a call"
            elif value is not None and (wrong := switch.check(value)):
                problems[name] = f"{name}: {wrong}"
        return problems

    def _value(self, name: str, tx_ref: str | None) -> Value:
        with self._lock:
            for_one = self._for_one.get(tx_ref or "", {})
            return for_one.get(name, self._for_all.get(name, self.table[name].default))


def _wrong_limit(name: str, control: dict[str, Any]) -> str | None:
    value = control[name]
    if name == "once" and value is not True and (type(value) is not int or value < 1):
        return "once is true, or how many calls"
    if name == "share" and (type(value) not in (int, float) or not 0 < value <= 1):
        return "share is a number above 0, up to 1"
    if name == "seed" and (type(value) is not int or "share" not in control):
        return "seed is a whole number, beside a share"
    return None


def _limited(control: dict[str, Any], wanted: dict[str, Any], tx_ref: str | None) -> list[Limited]:
    once, seed = control.get("once"), control.get("seed", 0)
    return [
        Limited(
            name,
            value,
            tx_ref,
            left=None if once is None else int(once),
            share=control.get("share"),
            seed=seed,
            chance=Random(seed),  # noqa: S311 - repeatable is what it must be
        )
        for name, value in wanted.items()
    ]


def _is_reset(limited: Limited, wanted: dict[str, Any], tx_ref: str | None) -> bool:
    """Whether a new setting ends a limited one: of the same switch, or all of a payment with `{"tx_ref": …}` alone."""
    return limited.tx_ref == tx_ref and (limited.name in wanted or not wanted)


def _merged(before: dict[str, Value], wanted: dict[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in {**before, **wanted}.items() if value is not None}
