"""The catalogue: what music exists, and which claims speak of the same recording.

In go claims and what is held; out come tables, a key index and answers. It does not know where bytes lie.
"""
