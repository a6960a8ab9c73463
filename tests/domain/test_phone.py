from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.phone import normalise


@pytest.mark.parametrize(
    ("text", "national"),
    [
        ("0911223344", "0911223344"),
        ("0711223344", "0711223344"),
        ("+251911223344", "0911223344"),
        ("251911223344", "0911223344"),
        ("00251711223344", "0711223344"),
        ("911223344", "0911223344"),
        ("711223344", "0711223344"),
        ("+251 (0)911 22-33-44", "0911223344"),
        (" 0911.22.33.44 ", "0911223344"),
    ],
)
def test_every_way_of_writing_a_mobile_number_becomes_the_national_one(text: str, national: str) -> None:
    assert normalise(text) == national


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0811223344",
        "0112345678",
        "091122334",
        "09112233445",
        "+252911223344",
        "+254711223344",
        "++251911223344",
        "251+911223344",
        "00911223344",
        "0911223344 ext 5",
        "0911223344\n",
        "٠٩١١٢٢٣٣٤٤",
        "\uff10\uff19\uff11\uff11\uff12\uff12\uff13\uff13\uff14\uff14",
        "phone",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="such as 0911223344"):
        normalise(text)


@given(st.text(alphabet="+0123456789 -()٠९abc\n", max_size=20))
def test_what_is_accepted_is_of_the_one_form_and_stays_it(text: str) -> None:
    try:
        national = normalise(text)
    except ValueError:
        return
    assert re.fullmatch(r"0[79][0-9]{8}", national)
    assert normalise(national) == national
    assert normalise("+251" + national[1:]) == national
