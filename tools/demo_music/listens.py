"""Writes simulated listens beside the shelf: `python tools/demo_music/listens.py [FOLDER]`.

Nobody listened: sixty invented listeners, named so that nobody can take them for people, play the shelf's
pieces and some that the shelf lacks, so that a curve of coverage has something missing to show.
"""

import csv
import random
import sys
from collections import Counter
from pathlib import Path

from perform import PACKAGE
from shelf import albums

SEED = 2026
LISTENERS = [f"simulated-{number:03}" for number in range(1, 61)]
MONTHS = [f"2026-{number:02}" for number in range(1, 7)]
LISTENS_A_MONTH = 9.0
ACTIVE_SHARE = 0.8
TAIL = 1.05
NOT_HELD = {
    2: ("Runout Ensemble", "Air on the G String"),
    5: ("Lockgroove Players", "아리랑"),
    8: ("The Leadout Band", "The Entertainer"),
    11: ("Runout Ensemble", "Clair de lune"),
    14: ("Lockgroove Players", "Калинка"),
    16: ("The Leadout Band", "La paloma"),
    18: ("Runout Ensemble", "Gymnopédie No. 3"),
    20: ("Spindle Quartet", "Amazing Grace"),
}
FAVOURITES = [
    "gymnopedie_1",
    "fur_elise",
    "canon_in_d",
    "korobeiniki",
    "sakura",
    "maple_leaf_rag",
    "prelude_in_c",
    "lamma_bada",
    "greensleeves",
    "ode_to_joy",
    "molihua",
    "auld_lang_syne",
    "minuet_in_g",
    "drunken_sailor",
]
ABOUT = """\
plays.csv holds simulated listens: tools/demo_music/listens.py drew them with a fixed seed.
No person listened, and no name in the file is a person's: each listener is called simulated-NNN.
Some of the pieces are not on the shelf, and the artists who would have played them do not exist.
CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/
"""

Recording = tuple[str, str]


def main(arguments: list[str]) -> int:
    """Writes plays.csv and the note that says what it is."""
    target = Path(arguments[0]) if arguments else PACKAGE
    with (target / "plays.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["artist", "title", "month", "listener", "listens"])
        rows.writerows(simulated())
    (target / "plays.README.txt").write_text(ABOUT, encoding="utf-8")
    return 0


def simulated() -> list[tuple[str, str, str, str, int]]:
    """The rows, by month: a few recordings get most of the listens, a few listeners give most of them."""
    luck = random.Random(SEED)
    recordings = _by_favour()
    counted: Counter[tuple[str, str, Recording]] = Counter()
    for listener in LISTENERS:
        zeal = luck.lognormvariate(0, 0.8) * LISTENS_A_MONTH
        tastes = [luck.lognormvariate(0, 0.7) / rank**TAIL for rank in range(1, len(recordings) + 1)]
        for month in MONTHS:
            if luck.random() < ACTIVE_SHARE:
                for recording in luck.choices(recordings, tastes, k=round(zeal)):
                    counted[month, listener, recording] += 1
    return [(*recording, month, listener, n) for (month, listener, recording), n in sorted(counted.items())]


def _by_favour() -> list[Recording]:
    """All recordings, the most played first, with those that the shelf lacks at their ranks."""
    held = {
        track.piece.name: (album.performer, track.piece.title) for album in albums() for track in album.tracks
    }
    ranks = iter([held[name] for name in FAVOURITES])
    return [NOT_HELD.get(rank) or next(ranks) for rank in range(1, len(held) + len(NOT_HELD) + 1)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
