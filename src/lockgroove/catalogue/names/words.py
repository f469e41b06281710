"""The words by which titles and credits are understood, in the languages in which they are common.

Words stand here as people write them and are folded when the module is read. A word added here changes keys
of names: those are derived, and facts made of them are made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lockgroove.catalogue.names.folding import fold


def _table(text: str) -> Mapping[str, str]:
    """Lines of "meaning: word, word, two words" as word → meaning, the words folded."""
    made = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        meaning, _, words = line.partition(":")
        made.update({fold(word): meaning for word in words.split(",")})
    return made


def _texts(text: str) -> tuple[str, ...]:
    """Texts between commas and line ends, folded."""
    return tuple(fold(part) for part in text.replace("\n", ",").split(",") if fold(part))


def _closed_up(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.replace(" ", "") for text in texts)


# Words that tell one version of a song from another. The word itself stands among those that mean it.
VERSIONS = _table("""
    live: live, vivo, en vivo, ao vivo, in vivo, dal vivo, en directo, in diretta, na żywo, naživo, élőben
    live: canlı, zivo, uživo, концерт, концертная запись, вживую, ζωντανά, ライブ, ライヴ, 라이브, 实况
    live: 現場, 现场, 실황, 演唱会, 演唱會
    remix: remix, remixed, remixes, rmx, re mix, re mixed, remixado, remixé, ремикс, רמיקס, ريمكس
    remix: リミックス, 리믹스
    mix: mix, mixed, микс, ミックス, 믹스
    edit: edit, edited, editado, эдит, エディット
    reedit: re edit, re edited, reedit
    rework: rework, reworked
    bootleg: bootleg
    mashup: mashup, mash up
    medley: medley, попурри, メドレー, 메들리
    acoustic: acoustic, acústico, acústica, acoustique, acustico, akustik, akustisch, akustyczna
    acoustic: akustycznie, akusticky, акустика, акустическая, акустический, アコースティック, 어쿠스틱
    acoustic: akoestisch, akustinen
    unplugged: unplugged, 不插电, 不插電, アンプラグド
    remaster: remaster, remastered, remastering, remasters, re master, re mastered, remasterizado
    remaster: remasterizada, remasterisé, remasterisée, remasterizzato, remasterizzata, remasterisiert
    remaster: ремастер, ремастеринг, ремастированный, リマスター, リマスタリング, 리마스터, remasterd
    remaster: digital remaster, digitally remastered, digital remastered, digital remastering
    rerecorded: rerecorded, re recorded, rerecording, re recording, neuaufnahme, regrabado
    karaoke: karaoke, караоке, カラオケ, 가라오케, 卡拉ok, minus one, минус, минусовка, קריוקי, كاريوكي
    instrumental: instrumental, instrumentals, inst, instr, instrumentale, instrumentalny, instrumentální
    instrumental: инструментал, инструментальная, インストゥルメンタル, インスト, 연주곡, 伴奏, off vocal
    acappella: a cappella, a capella, acapella, acappella, accapella, а капелла, アカペラ, 아카펠라
    demo: demo, demos, démo, демо, デモ, 데모
    take: take, takes, toma
    alternate: alternate, alternative, alt, alternativa, alternativo
    outtake: outtake, outtakes, out take
    rehearsal: rehearsal, rehearsals, répétition, репетиция
    session: session, sessions, sesión, sessão
    extended: extended, extendida, verlängert
    radio: radio
    dub: dub
    mono: mono, моно
    stereo: stereo, стерео, estéreo
    reprise: reprise, реприза
    cover: cover, кавер, カバー, カヴァー, 커버, 翻唱
    slowed: slowed, slowed down
    spedup: sped up, spedup, speed up
    reverb: reverb
    nightcore: nightcore
    8d: 8d
    clean: clean, censored
    version: version, ver, vers, versión, versão, versione, versie, versiune, wersja, verze, verzió
    version: версия, バージョン, ヴァージョン, 버전, 版, fassung
    bonus: bonus
    """)

# What a bracket or the part after a dash may say as a whole without telling of another recording.
_NOTHING_SAID = _texts("""
    album version, lp version, original version, original album version, originalversion, original mix
    studio version, main version, original, original recording, original studio recording
    versión original, version originale, versione originale, versão original, album mix, explicit
    explicit version, explicit album version, explicit lyrics, dirty, album version explicit
    official video, official music video, official audio, official lyric video, lyric video, lyrics
    with lyrics, official, music video, video, audio, hd, hq, 4k, official visualizer, visualizer
    clip officiel, official hd video, videoclip, bonus track, bonus, hidden track, japan bonus track
    japanese bonus track, bonus track for japan, free download, アルバムバージョン, オリジナルバージョン
    オリジナル, ボーナストラック, 앨범 버전, альбомная версия, оригинальная версия
    """)
NOTHING_SAID = _closed_up(_NOTHING_SAID)
NOTHING_SAID_LAST = frozenset(text.rpartition(" ")[2] for text in _NOTHING_SAID)

# A title that is only this names nothing: artists have many such, and short ones are often equally long.
NO_TITLES = _closed_up(
    _texts("""
    untitled, untitled track, unknown, unknown title, unknown track, title unknown, no title, notitle, n a
    tba, data track, track, audio track, audiotrack, hidden track, bonus track, intro, outro, interlude, skit
    introduction, intermission, instrumental, applause, ohne titel, unbenannt
    unbekannt, unbekannter titel, titel, sans titre, titre inconnu, piste, sin título, pista, desconocido
    título desconocido, sem título, faixa, sconosciuto, senza titolo, traccia, zonder titel, onbekend
    nummer, bez názvu, stopa, bez tytułu, utwór, utan titel, spår, uten tittel, spor, uden titel, nimetön
    raita, без названия, дорожка, трек, неизвестно, неизвестен, χωρίς τίτλο, adsız, isimsiz, parça
    ללא כותרת, بدون عنوان, 無題, 无题, トラック, 音轨, 音軌, 曲目, 未知, 트랙, 무제
    """)
)

# Credits that name nobody.
NO_ARTISTS = _closed_up(
    _texts("""
    unknown, unknown artist, unknown artists, no artist, none, n a, anonymous, traditional, trad, various
    various artists, various artist, va, v a, artist, artists, not applicable, data, dialogue
    christmas music, language instruction, nature sounds, unbekannt, unbekannter künstler
    unbekannter interpret, verschiedene, verschiedene interpreten, verschiedene künstler, diverse
    diverse interpreten, artiste inconnu, interprète inconnu, artistes divers, artistes variés, divers
    desconocido, anónimo, artista desconocido, varios, varios artistas, varios intérpretes
    artista desconhecido, vários artistas, vários, anônimo, artista sconosciuto, artisti vari, aa vv, aavv
    autori vari, onbekende artiest, diverse artiesten, okänd artist, blandade artister, diverse artister
    ukendt kunstner, ukjent artist, eri esittäjiä, tuntematon esittäjä, różni wykonawcy
    nieznany wykonawca, různí interpreti, neznámý interpret, неизвестный исполнитель, неизвестен
    неизвестный, разные исполнители, сборник, народная, bilinmeyen sanatçı, çeşitli sanatçılar, διάφοροι
    άγνωστος καλλιτέχνης, אמן לא ידוע, אמנים שונים, فنان غير معروف, متنوع, 不明なアーティスト, 不明
    ヴァリアスアーティスト, オムニバス, 群星, 未知艺术家, 未知藝術家, 佚名, 华语群星, 알수없는 아티스트
    여러 아티스트
    """)
)

# "And" within a title; one letter only between longer words.
AND = frozenset(fold("and n und et y e og och та και oraz").split())
# What stands between the names of a credit. One letter does so only between longer words.
JOINTS = (
    *"and und et og och ja та και ve şi és feat ft featuring mit with avec con com met med vs versus".split(),
    *"presents pres introducing starring meets contra contre".split(),
    *("при участии", "совместно с"),
)
LETTER_JOINTS = "eyixnий"

PARTS = _table("""
    part: part, parts, pt, pts, teil, parte, partes, partie, parties, часть, ч, czesc, część, cz, deel
    part: del, díl, osa, rész, parça, bölüm
    volume: volume, vol, volumen, volumes, том
    """)
NUMBER_SIGNS = frozenset("no nr num number numero nummer nro numer номер".split())
BEFORE_ROMAN = (
    NUMBER_SIGNS
    | frozenset(PARTS)
    | frozenset("act akt acte atto chapter book op opus movement mvt mov scene satz".split())
)
_ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
ROMANS = {
    f"{tens}{one}": str(10 * n + k)
    for n, tens in enumerate(("", "x", "xx", "xxx"))
    for k, one in enumerate(_ONES)
}
del ROMANS[""]
SPELLED = {
    word: str(n + 1)
    for words in (
        "one two three four five six seven eight nine ten eleven twelve",
        "eins zwei drei vier fünf sechs sieben acht neun zehn",
        "uno dos tres cuatro cinco seis siete ocho nueve diez",
        "un deux trois quatre cinq six sept huit neuf dix",
        "один два три четыре пять шесть семь восемь девять десять",
    )
    for n, word in enumerate(fold(words).split())
}
