"""The loop over events: what each one adds to what is remembered of its account, in a constant time.

The evidence is a CUSUM (Page, 1954) of log-likelihood ratios: how much likelier a play is for somebody who
takes from the catalogue than for somebody who listens. Counts of what was new, of popularity, of gaps and
borders go along for the other tests, which look once a day.
"""

from __future__ import annotations

import numpy as np

from lockgroove.guard.compiled import compiled
from lockgroove.guard.events import Context, Kind, Origin, Scope
from lockgroove.guard.records import BUCKETS, GAPS, TAKERS
from lockgroove.guard.seen import known, meet

DAY_MS = 86_400_000
# A day's plays so far fall into one of these strata, the account's age in days into one of those, and the
# third is whether most of what is new today followed on its album. Like is compared with like: who plays
# more has more chances to be unlucky, who came today has no repeats yet, and who goes through whole albums
# meets rare tracks.
PLAYS_STRATA = np.array([16, 64, 256, 1024], np.int64)
AGE_STRATA = np.array([2, 7, 30], np.int64)
STRATA = (2, len(AGE_STRATA) + 1, len(PLAYS_STRATA) + 1)
HEARD_MAX = 255
_FULL = 65_535

# What an account did on a day, told when the day is over.
DAY = np.dtype(
    [
        ("slot", "u4"), ("day", "i4"), ("plays", "u4"), ("fresh", "u4"), ("hours", "u4"), ("fetched_s", "f4"),
        ("played_s", "f4"), ("border", "u2"), ("direct", "u2"), ("system", "u2"), ("age_days", "u2"),
    ]
)  # fmt: skip
# The highest evidence against an account while it was in a stratum of a day.
TOP = np.dtype([("slot", "u4"), ("along", "u1"), ("age", "u1"), ("plays", "u1"), ("w", "f4", TAKERS)])
# The moment at which the evidence passed the threshold.
ALARM = np.dtype(
    [
        ("event", "u4"), ("slot", "u4"), ("taker", "u1"), ("w", "f4"), ("threshold", "f4"),
        ("plays_today", "u4"), ("fresh_today", "u4"),
    ]
)  # fmt: skip

# IGNORED is no play, EXEMPT one of somebody with a grant, PART_OF one more stretch of the same file.
IGNORED, NEW, REPEAT, OF_SYSTEM, EXEMPT, PART_OF = 0, 1, 2, 3, 4, 5
# Kinds of plays, after the buckets of popularity: a new track that follows on its album, which is no choice
# of its own, and one that the account had before.
CONTINUED, REPEATED = BUCKETS, BUCKETS + 1
PLAY_KINDS = BUCKETS + 2


@compiled
def stratum(value, edges):
    """The number of the stratum that a value falls into."""
    found = 0
    while found < len(edges) and value >= edges[found]:
        found += 1
    return found


@compiled
def observe(  # noqa: C901  one pass, as the compiler wants it
    rows, slots, tracks, pairs, records, heard, chance, newer, older, bucket_of, ratios, keep, thresholds,
    what, days, tops, alarms,
):  # fmt: skip
    """Take in events; how many day rows, tops and alarms were written, and how many pairs were new.

    `what` gets one of the numbers above for each event. `heard` has a byte for each track, how many
    accounts had it, as a logarithm: it counts up by chance, which `chance` decides (a number for each event).
    `keep` is the share of the evidence that a new day leaves.
    """
    n_days, n_tops, n_alarms, n_new = 0, 0, 0, 0
    for i in range(len(rows)):
        what[i] = IGNORED
        event = rows[i]
        kind = event["kind"]
        if kind != Kind.STREAM_START and kind != Kind.DOWNLOAD:
            continue
        if event["scope"] == Scope.RESEARCH or event["scope"] == Scope.MIRROR:
            what[i] = EXEMPT
            continue
        slot = slots[i]
        record = records[slot]
        day = event["ts_ms"] // DAY_MS
        if day > record["day"]:
            if record["plays_today"] > 0 or record["system_today"] > 0:
                n_days, n_tops = close_day(record, slot, days, n_days, tops, n_tops)
            if record["day"] == 0:
                record["first_day"] = day
                record["cohort"] = event["cohort"]
            else:
                for taker in range(TAKERS):
                    record["w"][taker] *= keep ** min(day - record["day"], 100)
            open_day(record, day)
        age = stratum(day - record["first_day"], AGE_STRATA)
        gap_ms = event["ts_ms"] - record["last_ms"]
        record["last_ms"] = max(record["last_ms"], event["ts_ms"])
        record["fetched_s"] += event["seconds_possible"]
        record["played_s"] += event["seconds_played"]
        met = meet(newer, older, pairs[i])
        track_number = np.uint32(event["track"] & 0xFFFFFFFF)
        in_a_row = event["range"] != 0 and track_number == record["last_track"]
        had = record["last_share"] if in_a_row else 0
        record["last_track"], record["last_share"] = track_number, min(WHOLE, had + share_of(event, in_a_row))
        has_half = had < HALF and record["last_share"] >= HALF
        if met != 1:
            n_new += 1  # the newer filter has one more
        if met == 0 and not has_half:
            n_new += meet(newer, older, pairs[i] ^ BEGUN) != 1
        elif met != 0 and not (has_half and is_heard(newer, older, pairs[i])):
            what[i] = PART_OF
            continue
        track = tracks[i]
        if met == 0:
            popularity = heard[track]
            if popularity < HEARD_MAX and chance[i] < LIKELIHOOD[popularity]:
                heard[track] = popularity + 1
        if event["origin"] == Origin.SYSTEM:
            what[i] = OF_SYSTEM
            record["system_today"] = min(record["system_today"] + 1, _FULL)
            continue
        record["hours"] |= np.uint32(1) << np.uint32((event["ts_ms"] // 3_600_000) % 24)
        plays_before = stratum(record["plays_today"], PLAYS_STRATA)
        along_before = goes_along(record)
        record["plays"] += 1
        record["plays_today"] += 1
        if event["context"] == Context.DIRECT_ID:
            record["direct_today"] = min(record["direct_today"] + 1, _FULL)
        album = np.uint32(event["album"] & 0xFFFFFFFF)
        follows = event["place"] >= 0 and event["place"] == record["last_place"] + 1
        goes_on = follows and album == record["last_album"]
        if follows and not goes_on:
            record["border_today"] = min(record["border_today"] + 1, _FULL)
        record["last_place"], record["last_album"] = event["place"], album
        if record["plays"] > 1:
            count_one(record["gaps"], gap_bin(gap_ms))
        if met == 0:
            what[i] = NEW
            record["fresh"] += 1
            record["fresh_today"] += 1
            bucket = bucket_of[popularity]
            count_one(record["popular"], bucket)
            kind_of_play = bucket
            if goes_on:
                kind_of_play = CONTINUED
                record["along_today"] = min(record["along_today"] + 1, _FULL)
        else:
            what[i] = REPEAT
            kind_of_play = REPEATED
        plays = stratum(record["plays_today"], PLAYS_STRATA)
        along = goes_along(record)
        if plays != plays_before or along != along_before:
            top = tops[n_tops]
            top["slot"], top["along"], top["age"], top["plays"] = slot, along_before, age, plays_before
            n_tops += 1
            for taker in range(TAKERS):
                top["w"][taker] = record["top"][taker]
                record["top"][taker] = 0
        for taker in range(TAKERS):
            threshold = thresholds[taker, along, age, plays]
            w = max(np.float32(0), record["w"][taker] + ratios[taker, kind_of_play])
            w = min(w, np.float32(EVIDENCE_MAX) * threshold)
            if w > threshold and record["marks"] & ALARMED == 0:
                record["marks"] |= ALARMED
                alarm = alarms[n_alarms]
                alarm["event"], alarm["slot"], alarm["taker"] = i, slot, taker
                alarm["w"], alarm["threshold"] = w, threshold
                alarm["plays_today"], alarm["fresh_today"] = record["plays_today"], record["fresh_today"]
                n_alarms += 1
            record["w"][taker] = w
            record["top"][taker] = max(record["top"][taker], w)
    return n_days, n_tops, n_alarms, n_new


# Evidence stops at twice the threshold: a single day of much that is new is forgiven within days.
EVIDENCE_MAX = 2
ALARMED = 1  # the mark of an account that passed the threshold today
# How likely one more account moves the byte of a track on: a Morris counter (Morris, 1978) of base 1.08,
# which counts to some 4 billion.
LIKELIHOOD = (1.08 ** -np.arange(256)).astype(np.float32)


WHOLE, HALF = 200, 100  # shares of a file, in half hundredths
# Of pairs whose first play was less than half of the file: that it began, and that half of it came since.
BEGUN, CAME = np.uint64(0x5851F42D4C957F2D), np.uint64(0x14057B7EF767814F)


@compiled
def share_of(event, in_a_row):
    """How much of its file a play is. Where nobody tells how long it is, the first of a row is all of it."""
    if event["range"] == 0:
        return WHOLE
    if event["bytes_full"] == 0:
        return 0 if in_a_row else WHOLE
    return int(min(1.0, event["bytes_sent"] / event["bytes_full"]) * WHOLE)


@compiled
def is_heard(newer, older, pair):
    """Whether half of a file that was met came before, now that it comes."""
    return known(newer, older, pair ^ BEGUN) == 0 or meet(newer, older, pair ^ CAME) != 0


@compiled
def open_day(record, day):
    """Begin to count anew."""
    record["day"] = day
    record["plays_today"], record["fresh_today"], record["hours"] = 0, 0, 0
    record["border_today"], record["direct_today"], record["system_today"] = 0, 0, 0
    record["along_today"] = 0
    record["fetched_s"], record["played_s"] = 0, 0
    for taker in range(TAKERS):
        record["top"][taker] = record["w"][taker]
    record["marks"] &= ~np.uint8(ALARMED)


@compiled
def close_day(record, slot, days, n_days, tops, n_tops):
    """Tell what the account did on the day that is over."""
    age_days = record["day"] - record["first_day"]
    row = days[n_days]
    row["slot"], row["day"], row["plays"] = slot, record["day"], record["plays_today"]
    row["fresh"], row["hours"] = record["fresh_today"], record["hours"]
    row["fetched_s"], row["played_s"] = record["fetched_s"], record["played_s"]
    row["border"], row["direct"] = record["border_today"], record["direct_today"]
    row["system"], row["age_days"] = record["system_today"], min(age_days, _FULL)
    top = tops[n_tops]
    top["slot"], top["along"], top["age"] = slot, goes_along(record), stratum(age_days, AGE_STRATA)
    top["plays"] = stratum(record["plays_today"], PLAYS_STRATA)
    for taker in range(TAKERS):
        top["w"][taker] = record["top"][taker]
    return n_days + 1, n_tops + 1


@compiled
def goes_along(record):
    """1 where most of what is new today followed on its album."""
    return 1 if 2 * record["along_today"] > record["fresh_today"] else 0


@compiled
def gap_bin(gap_ms):
    """0 below a second, then doubling."""
    found = 0
    edge = 1000
    while found < GAPS - 1 and gap_ms >= edge:
        found += 1
        edge *= 2
    return found


@compiled
def count_one(counts, place):
    """Count up; where it is full, all are halved."""
    if counts[place] == _FULL:
        for other in range(len(counts)):
            counts[other] //= 2
    counts[place] += 1


@compiled
def close_all(records, count, day, days, tops):
    """End a day for everybody who has not come back since; how many rows and tops were written."""
    n_days, n_tops = 0, 0
    for slot in range(count):
        record = records[slot]
        if record["day"] < day and (record["plays_today"] > 0 or record["system_today"] > 0):
            n_days, n_tops = close_day(record, slot, days, n_days, tops, n_tops)
            record["plays_today"], record["system_today"] = 0, 0
    return n_days, n_tops
