from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.contact import normalise


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
        ("(0)911 22 33 44", "0911223344"),
        ("+2510911223344", "0911223344"),
        (" 0911.22.33.44 ", "0911223344"),
    ],
)
def test_every_way_of_writing_an_ethiopian_mobile_number_becomes_the_national_one(text: str, national: str) -> None:
    assert normalise(text) == national


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+254712345678", "+254712345678"),
        ("+254 712 345 678", "+254712345678"),
        ("+234 (803) 123-4567", "+2348031234567"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 (0)958", "+442079460958"),
        ("+1 (202) 555-0143", "+12025550143"),
        ("+233.24.123.4567", "+233241234567"),
        ("\t+27\u00a082\u00a0123\u00a04567 ", "+27821234567"),
        ("+252911223344", "+252911223344"),
        ("+47123456", "+47123456"),
        ("+2909012", None),
        ("+491234567890123", "+491234567890123"),
        ("+4912345678901234", None),
    ],
)
def test_other_countries_numbers_are_kept_with_their_plus(text: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(ValueError, match="with its \\+"):
            normalise(text)
    else:
        assert normalise(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "0811223344",
        "0112345678",
        "091122334",
        "09112233445",
        "0712 345 6789",
        "254712345678",
        "00254712345678",
        "08031234567",
        "(020) 7946 0958",
        "+251112345678",
        "+25191122334",
        "+2519112233445",
        "+0911223344",
        "++251911223344",
        "++254712345678",
        "251+911223344",
        "+254+712345678",
        "00911223344",
        "0911223344 ext 5",
        "+254712345678 ext 5",
        "0911223344\n",
        "+254712345678\n",
        "٠٩١١٢٢٣٣٤٤",
        "+٢٥٤٧١٢٣٤٥٦٧٨",
        "\uff10\uff19\uff11\uff11\uff12\uff12\uff13\uff13\uff14\uff14",
        "phone",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 0911223344, or .* such as \+254712345678"):
        normalise(text)


@given(st.text(alphabet="+0123456789 -()٠९abc\n", max_size=20) | st.from_regex(r"\+[0-9 ()-]{6,18}", fullmatch=True))
def test_what_is_accepted_is_of_one_of_two_forms_and_stays_it(text: str) -> None:
    try:
        kept = normalise(text)
    except ValueError:
        return
    assert re.fullmatch(r"0[79][0-9]{8}|\+[1-9][0-9]{7,14}", kept)
    assert not kept.startswith("+251")
    assert normalise(kept) == kept
    if kept.startswith("0"):
        assert normalise("+251" + kept[1:]) == kept
    else:
        assert "+" in text


@given(
    st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True).filter(lambda digits: not digits.startswith("251")),
    st.lists(st.sampled_from(["", " ", "-", ".", "\u00a0"]), min_size=16, max_size=16),
)
def test_how_an_international_number_is_grouped_does_not_matter(digits: str, between: list[str]) -> None:
    written = "+" + "".join(f"{separator}{digit}" for separator, digit in zip(between, digits, strict=False))
    assert normalise(written) == "+" + digits
