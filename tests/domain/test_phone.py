from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from chalicelib.domain.words import phone
from chalicelib.domain.words.phone import normalise


@pytest.mark.parametrize(
    ("text", "kept"),
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
        ("091/122/3344", "0911223344"),
        ("0911\u201322\u201133\u221244", "0911223344"),
        ("\uff08+251\uff09\u3000911\u30fb223344", "0911223344"),
        ("\u202a+251911223344\u202c", "0911223344"),
        ("\u200e0911\u200b22\u00ad3344\ufeff", "0911223344"),
        ("\u20660911\u202f22\u2009\u200733\u205f44\u2069", "0911223344"),
        ("tel:+251-911-22-33-44", "0911223344"),
        ("TEL://0911223344", "0911223344"),
        ("\u2068tel:0911223344\u2069", "0911223344"),
        # Landlines, which neither Chapa nor a text message reaches.
        ("0115517700", "+251115517700"),
        ("011 551 7700", "+251115517700"),
        ("+251 (0)11 551 77 00", "+251115517700"),
        ("251 58 111 2233", "+251581112233"),
        ("00251221112233", "+251221112233"),
        ("0111234567", "+251111234567"),
        ("0115515151", "+251115515151"),
        ("0462201234", "+251462201234"),
        ("0461191234", "+251461191234"),
    ],
)
def test_every_way_of_writing_an_ethiopian_number_becomes_the_one_that_is_kept(text: str, kept: str) -> None:
    assert normalise(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+254712345678", "+254712345678"),
        ("+254 712 345 678", "+254712345678"),
        ("00254712345678", "+254712345678"),
        ("\u202a00 254 712 345 678\u202c", "+254712345678"),
        ("tel:+254-712-345-678", "+254712345678"),
        # The zero that is dialled at home; where numbers begin with one it stays.
        ("+254 0712 345678", "+254712345678"),
        ("00254 0712 345678", "+254712345678"),
        ("+49 0171 1234567", "+491711234567"),
        ("+39 06 698 12345", "+390669812345"),
        ("+39 (0)6 698 12345", "+390669812345"),
        ("+225 07 12 34 56 78", "+2250712345678"),
        ("+36 06 20 123 4567", None),
        ("+44 0020 7946 0958", None),
        # Too long, too short, and of no country.
        ("+254 712 345 678 90", None),
        ("+1 202 555 014", None),
        ("+210 123 456 789", None),
        ("+999 123 456 789", None),
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
        "0461234567",
        "0341112233",
        "115517700",
        "251911223",
        "8294",
        "091122334",
        "09112233445",
        "0712 345 6789",
        "254712345678",
        "0254712345678",
        "08031234567",
        "(020) 7946 0958",
        "+251341112233",
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
    assert not kept.startswith(("+2517", "+2519"))
    assert normalise(kept) == kept
    digits = "".join(letter for letter in text if letter in "+0123456789")
    if kept.startswith("0"):
        assert normalise("+251" + kept[1:]) == kept
    else:
        assert digits.startswith(("+", "00", "0", "251"))


EXAMPLES = [
    example
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    if (example := phonenumbers.example_number_for_type(region, kind))
    and len(phonenumbers.format_number(example, PhoneNumberFormat.E164)) > 8
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: phonenumbers.format_number(each, PhoneNumberFormat.E164))
def test_every_country_is_understood_as_libphonenumber_does(example: PhoneNumber) -> None:
    kept = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    if example.country_code == 251 and phonenumbers.number_type(example) == PhoneNumberType.MOBILE:
        kept = "0" + kept.removeprefix("+251")
    for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966):
        assert normalise(phonenumbers.format_number(example, form)) == kept
    national = phonenumbers.national_significant_number(example)
    assert normalise(f"00{example.country_code}{national}") == kept
    region = phonenumbers.region_code_for_number(example)
    if region and phonenumbers.ndd_prefix_for_region(region, False) == "0":
        assert normalise(f"+{example.country_code} 0{national}") == kept


def test_no_country_is_left_out() -> None:
    nobodys = {800, 808, 888, 979}
    assert {int(code) for code in phone.LENGTHS} == phonenumbers.COUNTRY_CODE_TO_REGION_CODE.keys() - nobodys - {251}


@given(
    st.sampled_from([f"{each.country_code}{phonenumbers.national_significant_number(each)}" for each in EXAMPLES]),
    st.lists(st.sampled_from(["", " ", "-", ".", "\u00a0", "/", "\u2013", "\u200b"]), min_size=16, max_size=16),
)
def test_how_an_international_number_is_grouped_does_not_matter(digits: str, between: list[str]) -> None:
    written = "+" + "".join(f"{separator}{digit}" for separator, digit in zip(between, digits, strict=False))
    assert normalise(written) == normalise("+" + digits)
