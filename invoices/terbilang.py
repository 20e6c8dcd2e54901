"""An amount in words: Indonesian first, English for customers who read it."""

from __future__ import annotations

from core.errors import InvalidRequest

ONES_ID = (
    "nol",
    "satu",
    "dua",
    "tiga",
    "empat",
    "lima",
    "enam",
    "tujuh",
    "delapan",
    "sembilan",
    "sepuluh",
    "sebelas",
)
SCALES_ID = ("", "ribu", "juta", "miliar", "triliun", "kuadriliun")

ONES_EN = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
TENS_EN = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES_EN = ("", "thousand", "million", "billion", "trillion", "quadrillion")

LARGEST = 10**18 - 1


def terbilang(n: int) -> str:
    """Write a whole number in Indonesian words: ``1001000`` → ``satu juta seribu``.

    ``se-`` replaces ``satu`` before puluh, belas, ratus, and before ribu when the group of
    thousands is exactly one; never before juta and above. Negative numbers begin with ``minus``.

    Raises:
        InvalidRequest: ``amount_too_large``, beyond the kuadriliun.

    Source: rules as agreed by public test suites; 1.001.000 is where common libraries go wrong.
    """
    if n < 0:
        return f"minus {terbilang(-n)}"
    if n == 0:
        return ONES_ID[0]

    words: list[str] = []
    for scale, group in _groups(n):
        if group == 0:
            continue
        if scale == 1 and group == 1:
            words.append("seribu")
            continue
        words.append(_hundreds_id(group))
        if scale:
            words.append(SCALES_ID[scale])
    return " ".join(words)


def in_words_en(n: int) -> str:
    """Write a whole number in English words: ``1234`` → ``one thousand two hundred thirty-four``.

    Raises:
        InvalidRequest: ``amount_too_large``, beyond the quadrillions.
    """
    if n < 0:
        return f"minus {in_words_en(-n)}"
    if n == 0:
        return ONES_EN[0]

    words: list[str] = []
    for scale, group in _groups(n):
        if group == 0:
            continue
        words.append(_hundreds_en(group))
        if scale:
            words.append(SCALES_EN[scale])
    return " ".join(words)


def rupiah_sentence(n: int, language: str = "id") -> str:
    """Write an amount as a receipt does: ``Sebelas ribu rupiah``, ``Eleven thousand rupiah``."""
    words = in_words_en(n) if language == "en" else terbilang(n)
    return f"{words[0].upper()}{words[1:]} rupiah"


def _groups(n: int) -> list[tuple[int, int]]:
    """Cut ``n`` into groups of three digits with their scale, the greatest first."""
    if n > LARGEST:
        raise InvalidRequest("amount_too_large", f"{n} is too large to be written in words")
    groups: list[tuple[int, int]] = []
    scale = 0
    while n:
        n, group = divmod(n, 1000)
        groups.append((scale, group))
        scale += 1
    return groups[::-1]


def _hundreds_id(n: int) -> str:
    hundreds, rest = divmod(n, 100)
    words: list[str] = []
    if hundreds == 1:
        words.append("seratus")
    elif hundreds:
        words.append(f"{ONES_ID[hundreds]} ratus")
    if rest:
        words.append(_tens_id(rest))
    return " ".join(words)


def _tens_id(n: int) -> str:
    if n < 12:
        return ONES_ID[n]
    if n < 20:
        return f"{ONES_ID[n - 10]} belas"
    tens, ones = divmod(n, 10)
    return f"{ONES_ID[tens]} puluh" + (f" {ONES_ID[ones]}" if ones else "")


def _hundreds_en(n: int) -> str:
    hundreds, rest = divmod(n, 100)
    words: list[str] = []
    if hundreds:
        words.append(f"{ONES_EN[hundreds]} hundred")
    if rest >= 20:
        tens, ones = divmod(rest, 10)
        words.append(TENS_EN[tens] + (f"-{ONES_EN[ones]}" if ones else ""))
    elif rest:
        words.append(ONES_EN[rest])
    return " ".join(words)
