"""What several front ends of one archive hold in common, on a server that speaks Valkey's protocol.

In: what each front end gives and lists. Out: quotas, sanctions and what was met, as if there were one front
end. Knows digests and no names. Invariant: nobody is refused because the server is away, and nobody waits for
it longer than `server.QUICK_S` each time it is asked.
"""

from lockgroove.guard.sharing.parts import Follower, Part, Shared, SharedKeeper, keeper_number, opened

__all__ = ["Follower", "Part", "Shared", "SharedKeeper", "keeper_number", "opened"]
