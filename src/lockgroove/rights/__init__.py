"""Yes or no, and why, before any act.

In: the texts that sources, tags, files and operators state about rights; a policy as data. Out: statements
in one vocabulary, one verdict per item, a decision per act with the clause it rests on. It does not know
files, the vault, the catalogue or the journal: an operator's decisions are handed to it.
"""

from lockgroove.rights.decide import Verdict, apply_decision, combine
from lockgroove.rights.policy import load_policy
from lockgroove.rights.statements import read_statement, statement_key

__all__ = ["Verdict", "apply_decision", "combine", "load_policy", "read_statement", "statement_key"]
