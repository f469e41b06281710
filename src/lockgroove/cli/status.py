"""`lockgroove status`."""

from lockgroove.cli.door import Door, many, size_text, verb


@verb
def command(door: Door) -> None:
    """What the archive holds, how it is, and what to do next.

    Exit codes: 0 all is well; 3 something waits: undecided rights, a plan not kept, a place behind;
    4 the last audit found damage that was not repaired.
    """
    with door.open() as archive:
        state = archive.status(door.report)
    held, known = state["recordings_held"], state["recordings"]
    door.say(f"{state['name']}  ({door.path})")
    door.say(f"  held        {held:,} of {many(known, 'recording')}")
    door.say(f"              {many(state['files'], 'file')}, {size_text(state['bytes'])}")
    if state["listens"]:
        door.say(
            f"  coverage    {state['listens_held'] / state['listens']:.2%} of {state['listens']:,} listens"
        )
    if state["files_planned"]:
        size = size_text(state["bytes_planned"])
        door.say(f"  planned     {many(state['files_planned'], 'file')}, {size}: lockgroove keep")
    for row in state["rights"]:
        door.say(f"  rights      {many(row['files'], 'file')} {row['status']}")
    if state["undecided"]:
        door.say(f"              {state['undecided']:,} sets of statements wait: lockgroove rights undecided")
    for place in state["places"]:
        door.say(f"  place       {place['name']}: {place['state']}")
    if not state["places"]:
        door.say("  place       none yet; a second home for everything: lockgroove place add DIR")
    door.say(f"  audit       {state['audit'] or 'never; run: lockgroove audit'}")
    door.say(f"  dump        {state['dump'] or 'none yet; run: lockgroove dump'}")
    behind = any(place["state"] != "up to date" for place in state["places"])
    code = 4 if state["damaged"] else 3 if state["undecided"] or state["files_planned"] or behind else 0
    door.close(code, **state)
