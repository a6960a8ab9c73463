"""Month's end: a gateway's statement matched, what hosts are owed told, and what they were paid entered."""

from __future__ import annotations

import argparse
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.api.core.formats import MoneyOut
from chalicelib.api.core.validation import read_body
from chalicelib.api.routes.operators.settlements import MatchOut, PayoutOut
from chalicelib.api.routes.payouts import AccountEntryOut, CommissionIn, PayoutIn, StatementOut, TakeBack
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.finance.statements import AccountEntry, Statement
from chalicelib.domain.money import Money, zero
from chalicelib.services.operators import payouts, settlements
from chalicelib.services.operators.acts import acting
from ops.operators.acting import key_of, minor, read
from ops.operators.desk import Desk, Refused

MATCHED, DIFFERENT = 0, 1
STAGES_OWN = "stage"
YEARS_BACK = timedelta(days=2 * 366)
"""A stay may end 630 days after it was paid, so whoever earns in a month was paid for in the two years before."""


class HostOwed(msgspec.Struct, frozen=True):
    """What one host is owed of a month, in one currency."""

    host_id: str
    currency: str
    brought_forward: MoneyOut
    earned: MoneyOut
    paid_out: MoneyOut
    balance: MoneyOut

    @classmethod
    def of(cls, host_id: str, made: Statement) -> HostOwed:
        amounts = (made.brought_forward, made.earned, made.paid_out, made.balance)
        return cls(host_id, made.currency, *map(MoneyOut.of, amounts))


def match(desk: Desk, asked: argparse.Namespace) -> int:
    """Match a gateway's statement with the ledger, line by line. Nothing is written but the report."""
    if asked.payouts and not asked.pull:
        raise Refused("--payouts are asked of the gateway's API: it goes with --pull.")
    try:
        text = None if asked.pull else _text_of(Path(asked.file))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{asked.file} cannot be read: {error}. Save it as CSV in UTF-8.") from error
    days = f"{asked.gateway}/{asked.start}/{asked.end}"
    with acting(desk.ports, desk.operator, "match", days, note="", request_id=desk.request_id):
        made = settlements.settle(
            desk.ports,
            desk.operator,
            gateway=asked.gateway,
            start=asked.start,
            end=asked.end,
            text=text,
            pulled="payouts" if asked.payouts else "transactions",
        )
    for found in made.matches:
        shape = MatchOut.of(found)
        ours = shape.ours.formatted if shape.ours else "-"
        paid_out = f"payout {shape.payout_id}" if shape.payout_id else ""
        net = f"net {shape.net.formatted}" if shape.payout_id and shape.net else ""
        sides = (f"theirs {shape.theirs or '-'}", f"ours {ours}")
        words = (shape.verdict, shape.reference, shape.tx_ref, *sides, net, paid_out)
        text = "  ".join(word for word in words if word)
        desk.tell(shape, f"{text}  {shape.reason}  → {shape.action}" if shape.verdict != "matched" else text)
    for payout in map(PayoutOut.of, made.payouts):
        desk.tell(
            payout,
            f"payout {payout.payout_id}  {payout.date}  {payout.status}  gross {payout.gross.formatted}  "
            f"fees {payout.fees.formatted}  net {payout.net.formatted}  paid {payout.paid.formatted}"
            + (f"  ✗ {payout.difference}" if payout.difference else ""),
        )
    counts = settlements.sums(made.matches)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "no lines"
    desk.say(f"{made.settlement_id}: {told}" + ("" if made.complete else "; the statement was not read to its end"))
    agrees = all(each.verdict == "matched" for each in made.matches) and not any(
        payout.difference for payout in made.payouts
    )
    return MATCHED if made.complete and agrees else DIFFERENT


def _text_of(file: Path) -> str:
    """A statement as banks and spreadsheets save it: UTF-8, UTF-16 with its mark, else Windows' Western letters.

    Raises OSError, UnicodeDecodeError.
    """
    content = file.read_bytes()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def statement(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell what a host is owed of a month, and what was paid out."""
    for made in payouts.statements_of(desk.ports, desk.operator, asked.host_id, asked.month):
        shape = StatementOut.of(made)
        text = [
            f"{asked.host_id}  {asked.month:%Y-%m}  brought forward {shape.brought_forward.formatted}  "
            f"earned {shape.earned.formatted}  paid out {shape.paid_out.formatted}  balance {shape.balance.formatted}"
        ]
        text += [f"stay     {stay.booking_id}  {stay.date}  {stay.earned.formatted}" for stay in shape.stays]
        text += [_line_of(each) for each in shape.payouts]
        desk.tell(shape, "\n".join(text))
    return 0


def owed(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell what every host is owed of a month, a line each, and what that comes to.

    A host is found by money that moved in the two years before the month, or since --since.
    """
    since = asked.since or asked.month - YEARS_BACK
    sums: Counter[str] = Counter()
    hosts = 0
    for host_id, found in payouts.owed(desk.ports, desk.operator, asked.month, since=since):
        hosts += 1
        for made in found:
            shape = HostOwed.of(host_id, made)
            sums[made.currency] += made.balance.minor
            desk.tell(
                shape,
                f"{host_id}  brought forward {shape.brought_forward.formatted}  earned {shape.earned.formatted}  "
                f"paid out {shape.paid_out.formatted}  balance {shape.balance.formatted}",
            )
    told = ", ".join(Money(minor, currency).formatted for currency, minor in sorted(sums.items())) or "nothing"
    desk.say(f"{asked.month:%Y-%m}  hosts: {hosts}; owed in all: {told}")
    return 0


def mark_paid(desk: Desk, asked: argparse.Namespace) -> int:
    """Enter that a host was paid. The same command again enters nothing again.

    What is owed after it is told beside it: less than nothing where too much was paid, to whom nothing is owed, or in
    another currency than theirs.
    """
    body = read(
        PayoutIn,
        amount=minor(asked.amount, asked.currency),
        currency=asked.currency,
        date=asked.date.isoformat(),
        reference=asked.reference,
        note=asked.note,
    )
    with desk.acting("pay_out", asked.host_id, note=body.note):
        entry = payouts.mark_paid(
            desk.ports,
            desk.operator,
            asked.host_id,
            amount=Money(body.amount, body.currency),
            on=body.on,
            reference=body.reference,
            note=body.note,
            key=asked.key or key_of(asked.host_id, asked.amount, asked.currency, f"{body.on}", body.reference),
            dry_run=not desk.acts,
        )
    _say_balance(desk, entry)
    return _tell_entry(desk, AccountEntryOut.of(entry))


def take_back(desk: Desk, asked: argparse.Namespace) -> int:
    """Enter that a payout was not paid after all."""
    note = read(TakeBack, note=asked.note).note
    dry_run = not desk.acts
    with desk.acting("take_back", asked.entry_id, note=note):
        entry = payouts.take_back(desk.ports, desk.operator, asked.host_id, asked.entry_id, note=note, dry_run=dry_run)
    _say_balance(desk, entry)
    return _tell_entry(desk, AccountEntryOut.of(entry))


def set_commission(desk: Desk, asked: argparse.Namespace) -> int:
    """Set a host's own commission from a day on. The same command again enters nothing again."""
    share = None if asked.percent == STAGES_OWN else _hundredths(asked.percent)
    # None is a value here, which a reader of requests must see.
    given = {"commission": share, "from": asked.start.isoformat(), "note": asked.note}
    body = read_body(msgspec.json.encode(given), CommissionIn)
    with desk.acting("commission", asked.host_id, note=body.note):
        entry = payouts.set_commission(
            desk.ports,
            desk.operator,
            asked.host_id,
            commission=body.commission,
            on=body.start,
            note=body.note,
            key=key_of(asked.host_id, asked.percent, f"{body.start}", body.note),
            dry_run=not desk.acts,
        )
    return _tell_entry(desk, AccountEntryOut.of(entry))


def _say_balance(desk: Desk, entry: AccountEntry) -> None:
    """Say what a host is owed with a payout, or with what took one back: the balance of the month that it stands in."""
    amount = entry.amount
    if amount is None:
        return
    month = entry.on.replace(day=1)
    found = payouts.statements_of(desk.ports, desk.operator, entry.host_id, month)
    made = next((each for each in found if each.currency == amount.currency), None)
    entered = made is not None and any(each.entry_id == entry.entry_id for each in made.payouts)
    balance = made.balance if made else zero(amount.currency)
    balance = balance if entered else balance - amount
    more = ": more was paid than is owed" if balance.minor < 0 else ""
    desk.say(f"{entry.host_id}  {month:%Y-%m}  balance with it {balance.formatted}{more}")


def _tell_entry(desk: Desk, entry: AccountEntryOut) -> int:
    desk.tell(entry, _line_of(entry))
    desk.end()
    return 0


def _line_of(entry: AccountEntryOut) -> str:
    share = "" if entry.commission is None else f"{Decimal(entry.commission) / 100} %"
    amount = entry.amount.formatted if entry.amount else share
    return f"{entry.entry_id}  {entry.kind}  {entry.date}  {amount}  {entry.reference}  {entry.note}"


def _hundredths(percent: str) -> int:
    """A share in percent as a person types it, in hundredths of a percent. Raises InvalidRequest."""
    try:
        hundredths = Decimal(percent) * 100
        if hundredths == (whole := int(hundredths)):
            return whole
    except (ArithmeticError, ValueError):
        pass
    wrong = FieldError("commission", f"must be a percentage with at most two decimals, or {STAGES_OWN}")
    raise InvalidRequest("The commission cannot be read.", errors=(wrong,))


def _month(text: str) -> date:
    return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add what finance does to the command line."""
    noted = argparse.ArgumentParser(add_help=False)
    noted.add_argument("--note", required=True, help="why, for those who come after")

    def does(under: Any, name: str, told: str, run: Any, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = under.add_parser(
            name, parents=[common, *parents], help=told, description=run.__doc__
        )
        made.set_defaults(run=run, needs_name=True)
        return made

    one = does(verbs, "match", "a gateway's statement, line by line; ends with 1 where anything differs", match)
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("file", nargs="?", help="the statement as CSV")
    which.add_argument("--pull", action="store_true", help="ask the gateway's API for it")
    one.add_argument("--payouts", action="store_true", help="with --pull: its payouts, and the payments in each")
    one.add_argument("--gateway", required=True)
    one.add_argument("--from", dest="start", type=date.fromisoformat, required=True, help="the first day")
    one.add_argument("--to", dest="end", type=date.fromisoformat, required=True, help="the last day, itself included")

    hosts = verbs.add_parser(
        "payouts", help="owed, statement, paid, take-back, commission: what hosts are owed and were paid"
    )
    below = hosts.add_subparsers(required=True, metavar="owed | statement | paid | take-back | commission")
    of_all = does(below, "owed", "what every host is owed of a month", owed)
    of_all.add_argument("--month", type=_month, required=True, help="such as 2027-01")
    of_all.add_argument("--since", type=date.fromisoformat, help="also hosts whose guests last paid then or later")
    of_host = does(below, "statement", "a host's month, stay by stay", statement)
    of_host.add_argument("host_id")
    of_host.add_argument("--month", type=_month, required=True, help="such as 2027-01")
    paid = does(below, "paid", "enter that a host was paid", mark_paid, noted, writes)
    paid.add_argument("host_id")
    paid.add_argument("--amount", required=True, help="in major units, such as 1200.50")
    paid.add_argument("--currency", required=True)
    paid.add_argument("--date", type=date.fromisoformat, required=True, help="the day on which it was paid")
    paid.add_argument("--reference", required=True, help="the bank's name for it")
    paid.add_argument("--key", help="another one where the very same payout is meant a second time")
    back = does(below, "take-back", "enter that it was not paid after all", take_back, noted, writes)
    back.add_argument("host_id")
    back.add_argument("entry_id", help="the payout, as statement has it")
    share = does(below, "commission", "set a host's own from a day on", set_commission, noted, writes)
    share.add_argument("host_id")
    share.add_argument("percent", help="such as 12.5, or stage: the stage's again")
    share.add_argument(
        "--from", dest="start", type=date.fromisoformat, required=True, help="the day from which it counts"
    )
