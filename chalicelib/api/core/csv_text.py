"""CSV for people's spreadsheets: nothing that a guest typed is ever taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from chalicelib.api.core.negotiation import prefers_text

CSV_HEADERS = {"Content-Type": "text/csv; charset=utf-8"}
_BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(accept: str) -> bool:
    """CSV is liked better than JSON, which is what there is otherwise."""
    return prefers_text(accept, "text/csv")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool = True) -> str:
    """Lines that end in CRLF; None is an empty field, and a text that a spreadsheet would work out begins with ``'``.

    ``bom``: programs that guess at an encoding guess UTF-8.
    """
    return (_BOM if bom else "") + csv_rows([header]) + csv_rows(rows)


def csv_rows(rows: Iterable[Sequence[object]]) -> str:
    """Lines as those of ``csv_text``, without anything before them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_plain(field) for field in row] for row in rows)
    return out.getvalue()


def _plain(field: object) -> object:
    if not isinstance(field, str) or not field.startswith(_FORMULA) or _is_number(field):
        return field
    return f"'{field}"


def _is_number(field: str) -> bool:
    return field.removeprefix("-").replace(".", "", 1).isdigit()
