"""Names of people, from many places; and links and addresses in every disguise, which are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.words.names import person_name
from chalicelib.domain.words.text import BIDI_CONTROLS


@pytest.mark.parametrize(
    "name",
    [
        "T.G. Abebe",
        "St. John",
        "O'Neil",
        "ሀና ተ.",
        "O’Neill-Tesfaye",
        "J.R.R. Tolkien",
        "J.-P. Sartre",
        "J.-P.Sartre",
        "G/Medhin",
        "ገ/መድህን",
        "ወ/ሮ ሀና",
        "ዶ/ር አበበ",
        "W.Giorgis",
        "T.Haimanot",
        "ገ.መድህን",
        "ሀ.ተ. ከበደ",
        "St.John",
        "Dr.Abebe",
        "Hanna Jr.",
        "d'Angelo",
        "Mary-Jane",
        "Nguyễn Văn A.",
        "ወይዘሮ፡ጸሐይ",
        "José María",
        "Gal·la",
        "ジョン・スミス",
        "محمد",
        "د. علي",
        "د.علي",
        "X",
        "T.G.A.",
        "A. B. C. Kebede",
        "Anne Marie (Abebe)",
        "Kebede, Hanna",
        "Marçal·la",
        "Comfort",
        "A. Comfort Adeyemi",
        "Dotun",
        "Dot Cotton",
        "Ewa Netzer",
        "K. Networks-Haile",
        "ক্ষমা",
        "نیک‌پور",
        "Ḥ. Abreha",
        "Sh. Ahmed",
        "1st Lt. Abebe",
        "Hanna 1987",
        "ኃይለ ሥላሴ።",
        "Haile S.",
        "Mr.Kebede Alemu",
        "Bekele /Chala/",
        "T. G.",
        "Э. Иванов",
        "А.С. Пушкин",
        "А.Пушкин",
        "Mr & Mrs Smith",
        "Smith&Sons",
        "དབང་ཕྱུག",
        "Hanna 3rd",
        "Jean · Marc",
        "e̱rnest",
        "Jean–Luc",
        "Abebe!",
    ],
)
def test_names_stay_as_they_were_typed(name: str) -> None:
    assert person_name(name) == name


@pytest.mark.parametrize("name", ["نیک\u200cپور", "ක්\u200dෂමා", "क्\u200dष"])
def test_zwj_and_zwnj_stay(name: str) -> None:
    assert person_name(name) == name


@pytest.mark.parametrize("nothing", ["\u200b", "\u00ad", "\ufeff", "\u2060", "\U000e0041"])
def test_what_shows_nothing_is_left_out(nothing: str) -> None:
    assert person_name(f"Han{nothing}na{nothing}") == "Hanna"


@pytest.mark.parametrize(
    "text",
    [
        "evil.com",
        "evilㆍcom",
        "evil⸳com",
        "evil◦com",
        "evil●com",
        "evil𝅭com",
        "evil%2Ecom",
        "evil&period;com",
        "evil&#46;com",
        "evil\u201acom",
        "evil𐄁com",
        "evil ·com",
        "evil.\u0301com",
        "Visit evil dot xyz",
        "call 0911223344",
        "Win 1000 000",
        "www.evil.com",
        "evil．com",
        "evil。com",
        "evil｡com",
        "evil․com",
        "evil﹒com",
        "evil·com",
        "evil•com",
        "evil٠com",
        "evil۔com",
        "evil።com",
        "hanna@x",
        "hanna＠x",
        "http://evil",
        "https:evil",
        "//evil",
        "evil[.]com",
        "evil(dot)com",
        "evil dot com",
        "evil[at]gmail",
        "evil .com",
        "evil . com",
        "evil. com",
        "e v i l . c o m",
        "Hanna 1.2.3.4",
        "t.me/abc",
        "x.online",
        "www evil com",
        "Hanna ⓔⓥⓘⓛ.ⓒⓞⓜ",
        "evil\u200b.com",
        "evil.\u00adcom",
        "еvil.соm",
        "evil.et",
        "evil.com.",
        "Visit evil.com now",
        "hxxp evil",
        "mailto:a",
        "evil\\\\x",
        "a.b.evil.com",
        "evil.コム",
        "evil。みんな",
        "t.co",
        ".com",
        "evil:8080",
        "evil⁄⁄x",
        "evil∶x",
        "bank.ኢት.com",
        "evil․\u200dcom",
        "x.1a",
        "evil..com",
        "evil…com",
        "guzo.app",
        "a.ly",
        "evil.support",
        "my-bank.support",
        "\uff57\uff57\uff57\uff0e\uff45\uff56\uff49\uff4c\uff0e\uff43\uff4f\uff4d",
        "\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0fevil",
        "Hanna (evil.com)",
        "Hanna, evil.com!",
        "Win: x.online",
        "https\u2236\u2215\u2215evil",
        "EVIL.COM",
        "A.b.Evil.Com",
    ],
)
def test_links_and_addresses_are_no_names(text: str) -> None:
    with pytest.raises(ValueError, match="without a link or an address"):
        person_name(text)


@given(st.sampled_from(BIDI_CONTROLS), st.integers(0, 5))
def test_nothing_turns_the_direction_of_writing(control: str, place: int) -> None:
    with pytest.raises(ValueError, match="direction"):
        person_name("Hanna"[:place] + control + "Hanna"[place:])


@pytest.mark.parametrize("text", [".", "-", "...", "123", "/", "1.2.3.4", "\u200b.", "\u200d"])
def test_a_name_has_letters(text: str) -> None:
    with pytest.raises(ValueError, match="leave it out"):
        person_name(text)


@given(
    st.sampled_from([".", "\uff0e", "\u3002", "\uff61", "\u2024", "\ufe52", "\u0589", "\u06d4", "\u1362", "\u0660"]),
    st.sampled_from(["com", "et", "co.uk", "online", "\u0440\u0444", "xn--p1ai", "CoM", "c\u200do\u200dm"]),
    st.sampled_from(["", "/x", " ", "!", ")"]),
    st.text(alphabet="abcdefgh-", min_size=2, max_size=12).filter(lambda host: host.strip("-") == host),
)
def test_no_domain_passes(dot: str, ending: str, after: str, host: str) -> None:
    if host in ("fr", "gen"):
        host = "example"
    with pytest.raises(ValueError, match="without a link or an address"):
        person_name(f"{host}{dot}{ending}{after}")
