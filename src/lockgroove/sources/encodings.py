"""Which text encoding undeclared bytes are in, guessed from the letters that they would spell.

Invariant: never raises, and when in doubt the bytes stay what they were declared to be, Latin-1,
so that an accent is never turned into an ideograph.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# the alphabet of a script, commonest letters first
_RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґ"
_GREEK = "αοιετσνηυρπκμλςωδγχθφβξζψάίόέήύώ"
_HEBREW = "יוהלאבתרשמנםדקעפכןחסטגצזךףץ"
_ARABIC = "اليمنترةوبعدسفحكقجشصطخضذزثظغءىئؤآأإپچگک"
_THAI = "านรกเงอมยลวดทสต่้ะิีัปบคหแจพชขใไโผซูุึำณ์็ศธถฟญฐฉภษฮฝฬฆฎฏฑฒฌๆฯฤ"
_ALPHABETS: Mapping[str, str] = {
    "cp1251": _RUSSIAN,
    "koi8-r": _RUSSIAN,
    "cp1253": _GREEK,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "cp874": _THAI,
}
# the commonest characters of running text and of song titles
_HAN = (
    "的一是不了人我在有他这这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天"
    "而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与"
    "高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东"
    "爱愛夢梦夜雨風风花雪星空海歌音樂乐曲故事世界時來國為們說這個對會過後發當無開見經頭樣現將與進實點種聲話兒問機給幾業間東"
)
_HANGUL = "이다는에의을가로사하지고나아그어도리한기자일를서대인은시해라들만수것보내여너우사랑마음눈물날길꿈"
_WIDE: Mapping[str, str] = {
    "shift_jis": "",
    "euc_jp": "",
    "gb18030": _HAN,
    "big5": _HAN,
    "euc_kr": _HANGUL,
}
# the lead bytes of the characters that each standard calls its first level
_FIRST_LEVEL: Mapping[str, tuple[int, int]] = {
    "shift_jis": (0x88, 0x98),
    "euc_jp": (0xB0, 0xCF),
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "euc_kr": (0xCA, 0xFD),
}
_MARKS = "«»“”„‘’–—…№·،؟־"
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3}")
_SURE = 0.72
_SURE_WIDE = 0.6
_CLEAR = 0.08


def guess(raw: bytes) -> tuple[str, str]:
    """The text and Python's name of its encoding, "latin-1" or "cp1252" where nothing speaks against it."""
    told = _told(raw)
    if told:
        return told
    ranked = sorted(((_score(raw, name), name) for name in (*_ALPHABETS, *_WIDE)), reverse=True)
    (best, name), (second, _) = ranked[:2]
    if best >= (_SURE_WIDE if name in _WIDE else _SURE) and best - second >= _CLEAR:
        return _decoded(raw, name) or "", name
    return _western(raw)


def guess_together(raws: Sequence[bytes]) -> list[tuple[str, str]]:
    """Guesses for texts that one hand wrote: one too short to tell alone leans on the others."""
    told = [_told(raw) for raw in raws]
    joint = guess(b"\n".join(raw for raw, known in zip(raws, told, strict=True) if not known))[1]
    return [known or _as(raw, joint) for raw, known in zip(raws, told, strict=True)]


def _as(raw: bytes, name: str) -> tuple[str, str]:
    text = _decoded(raw, name)
    return (text, name) if text is not None and name not in ("latin-1", "ascii") else _western(raw)


def _told(raw: bytes) -> tuple[str, str] | None:
    """What the bytes themselves declare: a byte order mark, ASCII with or without shifts, or UTF-8."""
    for mark, name in _BOMS:
        if raw.startswith(mark) and (text := _decoded(raw, name)):
            return text, name
    if raw.isascii():
        shifted = _decoded(raw, "iso2022_jp") if b"\x1b$" in raw else None
        return (shifted, "iso2022_jp") if shifted else (raw.decode("ascii"), "ascii")
    text = _decoded(raw, "utf-8")
    return (text, "utf-8") if text and not text.isascii() else None


def _decoded(raw: bytes, name: str) -> str | None:
    """The text, without a last character that was cut, or None where the bytes cannot be so encoded."""
    decoder = codecs.getincrementaldecoder(name)()
    try:
        return decoder.decode(raw)
    except UnicodeError:
        return None


def _western(raw: bytes) -> tuple[str, str]:
    text = _decoded(raw, "cp1252") if re.search(rb"[\x80-\x9f]", raw) else None
    return (text, "cp1252") if text is not None else (raw.decode("latin-1"), "latin-1")


def _score(raw: bytes, name: str) -> float:
    """From 0 or less, for what nobody would write, to 1, for the commonest letters of a language."""
    text = _decoded(raw, name)
    if text is None:
        return 0.0
    if name in _WIDE:
        return _score_wide(text, raw, name)
    if not _HIGH_RUN.search(raw):
        return 0.0
    shouted = 0.9 if name == "koi8-r" and text.isupper() else 1.0  # more likely small letters of another
    return _score_alphabet(text, _ALPHABETS[name]) * shouted


def _score_alphabet(text: str, alphabet: str) -> float:
    """How well the foreign letters spell words: of one alphabet, in its order, capitals first."""
    points, count, before = 0.0, 0, " "
    for char in text:
        if not char.isascii():
            count += 1
            points += _letter_points(char, before, alphabet)
        elif char.isalpha() and before.isalpha() and not before.isascii():
            points -= 1  # no word is half Latin
        before = char
    return points / max(count, 5)


def _letter_points(char: str, before: str, alphabet: str) -> float:
    rank = alphabet.find(char.lower())
    if rank < 0:
        return 0.0 if char in _MARKS else -2.0
    if before.isascii() and before.isalpha():
        return -1.0
    if char.isupper() and before.islower():
        return -1.0
    points = 1.0 if rank < 10 else 0.8 if rank < 20 else 0.4
    return points * 0.95 if char.isupper() else points


def _score_wide(text: str, raw: bytes, name: str) -> float:
    """How common the ideographs, syllables and kana are; those of rare planes count against it."""
    wide = [char for char in text if not char.isascii()]
    if len(wide) < 2:
        return 0.0
    return sum(_wide_points(char, name) for char in wide) / max(len(wide), 3)


def _wide_points(char: str, name: str) -> float:
    code = ord(char)
    if char in _WIDE[name]:
        return 1.2
    if 0x3041 <= code <= 0x30FE:
        return 1.2 if name in ("shift_jis", "euc_jp") else 0.1
    if 0xAC00 <= code <= 0xD7A3:
        return 0.65
    if 0x4E00 <= code <= 0x9FFF:
        return 0.2 if name == "euc_kr" else 0.62 if _is_common(char, name) else -0.4
    return 0.3 if char in "　、。・！？（）～ー「」『』《》【】：，" else -1.0


def _is_common(char: str, name: str) -> bool:
    """Whether the encoding keeps it in its first level, which holds what people write."""
    lead = char.encode(name, "replace")[0]
    first, last = _FIRST_LEVEL[name]
    return first <= lead <= last
