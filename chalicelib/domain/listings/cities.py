"""Cities by whatever name and spelling people give them: one key for all that mean the same place.

What is typed is stored and shown as it is; only comparing goes by the key. A name is folded (case, marks, spaces,
apostrophes, hyphens, Latin letters that stand twice, Ethiopic letters of one sound), and then looked up among the names
that Ethiopian cities have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from msgspec import field

from chalicelib.domain.record import Record, replace

_LONGEST_KEY = 100
"""Letters of a key: some characters become eighteen others when they are folded."""

_SAME_SOUND = {
    # The rows of h, s, a and ts that Amharic speaks alike, each with its seven vowels.
    range(0x1210, 0x1217): 0x1200,
    range(0x1280, 0x1287): 0x1200,
    range(0x1220, 0x1228): 0x1230,
    range(0x12D0, 0x12D7): 0x12A0,
    range(0x1340, 0x1348): 0x1338,
}
MOST_SPELLINGS = 12
"""How many spellings of one city are told apart; listings under others are counted, too."""

_ETHIOPIC = {letter: first + letter - row.start for row, first in _SAME_SOUND.items() for letter in row}
_TWICE = re.compile(r"([a-z])\1+")


class City(Record, frozen=True):
    """A city that has open listings: how many, and how many of them under each spelling of its name."""

    key: str
    listings: int = 0
    spellings: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The usual name of a known city, else the spelling that most of its listings have."""
        return known_name(self.key) or next(iter(self.names), self.key)

    @property
    def names(self) -> tuple[str, ...]:
        """The spellings, most frequent first."""
        return tuple(sorted(self.spellings, key=lambda name: (-self.spellings[name], name)))

    def with_listing(self, name: str) -> City:
        """The same, when one more listing calls it so."""
        spellings = {**self.spellings}
        if name in spellings or len(spellings) < MOST_SPELLINGS:
            spellings[name] = spellings.get(name, 0) + 1
        return replace(self, listings=self.listings + 1, spellings=spellings)

    def without_listing(self, name: str) -> City:
        """The same, when a listing that called it so is closed or elsewhere."""
        spellings = {**self.spellings}
        if name in spellings:
            spellings[name] -= 1
        kept = {spelling: count for spelling, count in spellings.items() if count > 0}
        return replace(self, listings=self.listings - 1, spellings=kept)


def city_key(name: str) -> str:
    """What a city is compared by; empty for a name without a letter or digit."""
    folded = fold(name)
    return _keys().get(folded, folded)


def known_name(key: str) -> str | None:
    """The usual name of a known city, in Latin letters."""
    return _names().get(key)


def keys_of_names(beginning: str) -> frozenset[str]:
    """The known cities that have some other name that begins so."""
    folded = fold(beginning)
    return frozenset(key for name, key in _keys().items() if name.startswith(folded))


def fold(name: str) -> str:
    """A name, or the beginning of one, without what does not tell two of them apart."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold()).translate(_ETHIOPIC)
    return _TWICE.sub(r"\1", "".join(letter for letter in plain if _tells(letter)))[:_LONGEST_KEY]


def _tells(letter: str) -> bool:
    """Whether it is a letter or a digit; what changes another letter, as some apostrophes do, is not (Lm)."""
    return letter.isalnum() and unicodedata.category(letter) != "Lm"


@cache
def _keys() -> dict[str, str]:
    """The key of each known city by every name that it has, folded."""
    return {fold(name): fold(names[0]) for names in _known() for name in names}


@cache
def _names() -> dict[str, str]:
    return {fold(names[0]): names[0] for names in _known()}


def _known() -> list[list[str]]:
    return [line.split(", ") for line in _CITIES.strip().splitlines()]


_CITIES = """
Addis Ababa, አዲስ አበባ, Addis Abeba, Addis, Finfinne, Sheger
Adama, አዳማ, ናዝሬት, Nazret, Nazreth, Nazareth, Hadama
Bahir Dar, ባሕር ዳር, Bahar Dar, Baher Dar
Gondar, ጎንደር, ጐንደር, Gonder, Gwender
Mekelle, መቀሌ, መቐለ, Makale
Hawassa, ሐዋሳ, አዋሳ, Awasa
Dire Dawa, ድሬዳዋ, Dire Daua, Dire Dhawa
Harar, ሐረር, Harer
Jimma, ጅማ, Djimma
Dessie, ደሴ, Dese, Dessye
Jijiga, ጅጅጋ, ጂጂጋ, Jigjiga, Giggiga
Shashamane, ሻሸመኔ, Shashemene, Shashamene
Bishoftu, ቢሾፍቱ, ደብረ ዘይት, Debre Zeit, Debre Zeyt
Arba Minch, አርባ ምንጭ, Arba Mench
Hosaena, ሆሳዕና, Hosanna, Hosa'ina
Wolaita Sodo, ወላይታ ሶዶ, ሶዶ, Sodo, Wolayta Sodo
Dilla, ዲላ
Nekemte, ነቀምቴ, ነቀምት, Nekempt, Naqamtee, Lekempti
Debre Birhan, ደብረ ብርሃን, ደብረ ብርሀን, Debre Berhan, Debra Birhan
Debre Markos, ደብረ ማርቆስ, Debra Marcos
Debre Tabor, ደብረ ታቦር, Debra Tabor
Asella, አሰላ
Kombolcha, ኮምቦልቻ, Kombolca, Kembolcha
Adigrat, አዲግራት, ዓዲግራት
Axum, አክሱም, ኣክሱም, Aksum, Aksoum
Adwa, አድዋ, ዓድዋ, Adowa, Adua
Shire, ሽሬ, እንዳ ሥላሴ, Inda Selassie, Enda Selassie, Shire Inda Silase
Woldia, ወልድያ, ወልዲያ, ወልደያ, Weldiya, Weldia, Waldia
Lalibela, ላሊበላ, Roha
Gambela, ጋምቤላ
Asosa, አሶሳ
Semera, ሰመራ, Samara
Batu, ባቱ, Ziway, ዝዋይ, Zway, Zwai
Ambo, አምቦ, Hagere Hiywet
Woliso, ወሊሶ, Waliso, Weliso, Giyon, Ghion
Butajira, ቡታጅራ, Butajera
Wolkite, ወልቂጤ, Welkite
Mizan Teferi, ሚዛን ተፈሪ, Mizan Aman, Mizan Tafari
Bonga, ቦንጋ
Jinka, ጂንካ
Konso, ኮንሶ, Karat
Debark, ደባርቅ, Debarq, Dabark
Chiro, ጭሮ, Ciro, Asebe Teferi
Haramaya, ሐረማያ, Alemaya
Bule Hora, ቡሌ ሆራ, Hagere Mariam, Agere Maryam
Yirgalem, ይርጋለም, Irgalem
Metu, መቱ, Mattu
Goba, ጎባ
Robe, ሮቤ, Bale Robe
Moyale, ሞያሌ
Langano, ላንጋኖ
"""
"""A city a line: its usual name, then those that are not the same when they are folded."""
