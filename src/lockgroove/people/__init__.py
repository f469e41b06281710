"""Who comes in: accounts, the keys that prove them, and grants that let them take more.

In: names, roles and keys. Out: an `Asker`, which is all that other rooms learn of a person. Knows no music,
and does not judge what anybody does. What lies here is private: it is never dumped and enters no table.
"""

from lockgroove.people.accounts import ROLES, VISITOR, Account, Asker, Grant, People, open_people

__all__ = ["ROLES", "VISITOR", "Account", "Asker", "Grant", "People", "open_people"]
