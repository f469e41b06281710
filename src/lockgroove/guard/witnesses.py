"""Evidence out of what the watch noticed: numbers with how usual they are here, and what weighed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lockgroove.guard import hot
from lockgroove.guard.casefile import Evidence
from lockgroove.guard.customs import Customs
from lockgroove.guard.groups import Group
from lockgroove.guard.memory import Memory
from lockgroove.guard.signals import heard_in
from lockgroove.guard.watch import Noticed

_HEAVIEST = 5
Told = dict[int, list[Evidence]]


def of_alarms(noticed: Noticed, memory: Memory, lately: np.ndarray) -> Told:
    """By account, what its plays say where they weighed more than people here reach.

    `lately` has events of those accounts of the last hours, to tell which plays weighed most.
    """
    told: Told = {}
    keys = memory.watch.accounts.keys
    for alarm in noticed.alarms:
        slot, at = int(alarm["slot"]), int(alarm["event"])
        body = {
            "taker": int(alarm["taker"]), "weight": float(alarm["w"]), "threshold": float(alarm["threshold"]),
            **_so_far(alarm, memory.watch.records[slot], memory.customs),
            "heaviest": _heaviest(
                lately[(lately["account"] == keys[slot]) & (lately["ts_ms"] <= noticed.rows["ts_ms"][at])],
                memory, int(alarm["taker"]),
            ),
            "calibrated_day": memory.calibrated_day,
        }  # fmt: skip
        one = Evidence(int(noticed.rows["ts_ms"][at]), "plays", "plays-unlike-people", body)
        told.setdefault(int(keys[slot]), []).append(one)
    return told


def _so_far(alarm: np.void, record: np.void, customs: Customs) -> dict[str, Any]:
    fresh = int(alarm["fresh_today"])
    popular = record["popular"].astype(float)
    return {
        "plays": int(record["plays"]), "fresh": int(record["fresh"]),
        "plays_today": int(alarm["plays_today"]), "fresh_today": fresh,
        "days_with_more": customs.above("fresh", fresh), "days_known": customs.days,
        "usual_most": customs.value_at("fresh", 0.999),
        "by_popularity": (popular / max(1.0, popular.sum())).round(4).tolist(),
    }  # fmt: skip


def _heaviest(plays: np.ndarray, memory: Memory, taker: int) -> list[dict[str, Any]]:
    """Of an account's plays those that weigh most against it, each track once."""
    plays = plays[plays["track"] != 0]
    _, first = np.unique(plays["track"], return_index=True)
    plays = plays[np.sort(first)]
    watch = memory.watch
    known = watch.tracks.known(plays["track"])
    buckets = watch.rules.bucket_of[watch.heard[np.maximum(known, 0)]]
    weights = watch.rules.ratios[taker, buckets]
    most = np.argsort(-weights, kind="stable")[:_HEAVIEST]
    return [
        {"at_ms": int(plays["ts_ms"][n]), "track": f"{int(plays['track'][n]):016x}",
         "popularity": int(buckets[n]), "weight": round(float(weights[n]), 2)}
        for n in most
    ]  # fmt: skip


def of_days(days: np.ndarray, told: frozenset[str], memory: Memory) -> Told:
    """By account, habits on days that are over."""
    found: Told = {}
    keys = memory.watch.accounts.keys
    for signal in heard_in(days, told):
        one = Evidence(signal.day * hot.DAY_MS, "habits", signal.code, {"value": signal.value})
        found.setdefault(int(keys[signal.slot]), []).append(one)
    return found


def of_groups(groups: Sequence[Group], accounts: np.ndarray, day: int) -> Told:
    """By account, its place in a group; `accounts` are those that the groups' numbers stand for."""
    found: Told = {}
    for number, group in enumerate(groups):
        certain = set(group.certain.tolist())
        for member in group.members.tolist():
            body: Mapping[str, Any] = {
                "group": f"{day}-{number + 1}", "members": len(group.members), "tracks": group.tracks,
                "met": group.met.observed, "expected": group.met.expected, "certain": member in certain,
            }  # fmt: skip
            one = Evidence(day * hot.DAY_MS, "group", "leave-tracks-to-each-other", body)
            found.setdefault(int(accounts[member]), []).append(one)
    return found
