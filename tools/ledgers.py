"""Write the ledgers of docs/: what a standard asks, rule by rule, and what is done; and the tables of codes.

`python tools/ledgers.py` writes them. With `--check` it writes nothing, and ends with 1 when one is stale.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lockgroove.coverage.ledger import REASONS
from lockgroove.findings import CODES

ROOT = Path(__file__).resolve().parents[1]
OCFL_TESTS = "tests/docs/test_ocfl_rules.py"

# Short names of the tests that hold a rule.
PY = "test_ocfl_py_finds_nothing"
ROOT_SAYS = "test_the_storage_root_declares_itself"
PLACES = "test_objects_lie_where_their_ids_say"
FILES = "test_an_object_holds_its_files_and_no_other"
KEYS = "test_an_inventory_has_the_keys_of_the_standard_and_no_other"
ONE = "test_there_is_one_version"
TIME = "test_created_is_a_time_with_a_zone"
PATHS = "test_paths_are_relative_and_do_not_collide"
DIGESTS = "test_digests_are_those_of_the_files"
SIDECAR = "test_the_sidecar_is_the_digest_of_the_inventory"
LINKS = "test_there_are_no_links_and_no_empty_folders"

NO_SECOND = "not applicable: an object has one version, closed by the commit that made it"
NO_DIRECTORY_KEY = "not applicable: `contentDirectory` is not written; the folder has its usual name"
NO_EXTENSIONS = "not applicable: objects have no `extensions` folder"
NO_LINKS = "not applicable: links, sockets and devices are findings of gather and are not kept"
READER = "not applicable: a rule for readers of other people's objects"

# Area, then code, rule in our words, and the tests that hold it, or why it does not apply.
Rule = tuple[str, str, Sequence[str] | str]
OCFL: Mapping[str, Sequence[Rule]] = {
    "The object's root": [
        ("E001", "nothing in it but what the standard names", (FILES, PY)),
        ("E002", "the declaration is written as NAMASTE has it", (FILES,)),
        ("E003", "exactly one declaration of the version", (FILES, PY)),
        ("E004", "its name has the pattern `T=dvalue`", (FILES,)),
        ("E005", "T is 0", (FILES,)),
        ("E006", "dvalue is `ocfl_object_` and the version", (FILES, PY)),
        ("E007", "the file holds dvalue and a newline", (FILES, PY)),
        ("E063", "an inventory lies in the root", (FILES, PY)),
        ("E067", "`extensions` holds extension folders only", NO_EXTENSIONS),
        ("E112", "`extensions` holds nothing but folders", NO_EXTENSIONS),
        ("W013", "extension folders have registered names", NO_EXTENSIONS),
        ("E089", "what OCFL cannot hold is wrapped in an image file", NO_LINKS),
        ("W012", "logs belong in `logs`", "not applicable: the journal is the log, outside the objects"),
    ],
    "Versions": [
        ("E008", "there is at least one version", (ONE, PY)),
        ("E009", "numbers start at 1", (ONE, PY)),
        ("E010", "numbers have no gaps", (ONE, PY)),
        ("E011", "padded numbers start with a zero", "not applicable: numbers are not padded"),
        ("E012", "one way of naming in an object", (ONE,)),
        ("E013", "later versions keep to it", NO_SECOND),
        ("E014", "inventories use the real names of the folders", (PATHS, PY)),
        ("E015", "no other file directly in a version's folder", (FILES, PY)),
        ("E016", "content lies in the content folder", (FILES, PATHS)),
        ("E017", "`contentDirectory` has no slash", NO_DIRECTORY_KEY),
        ("E018", "`contentDirectory` is neither `.` nor `..`", NO_DIRECTORY_KEY),
        ("E019", "`contentDirectory` is set from the first version on", NO_DIRECTORY_KEY),
        ("E020", "`contentDirectory` does not change", NO_DIRECTORY_KEY),
        ("E021", "without the key the folder is called `content`", (FILES, PATHS)),
        ("E022", "other folders of a version are passed over", READER),
        ("E023", "every file of the content is in the manifest", (FILES, PY)),
        ("E024", "no empty folder in the content", (LINKS, PY)),
        ("E104", "names are `v` and the number", (ONE, PY)),
        ("E105", "numbers are positive and decimal", (ONE, PY)),
        ("E108", "the content folder lies directly in the version's", (FILES,)),
        ("W001", "numbers are not padded", (ONE, PY)),
        ("W002", "no other folder in a version's folder", (FILES, PY)),
        ("W003", "no empty content folder", (LINKS, PY)),
    ],
    "Digests": [
        ("E025", "sha512 or sha256 for the content", (KEYS, PY)),
        ("E026", "other algorithms come from the known list", (DIGESTS, PY)),
        ("E027", "clients know all algorithms of the table", READER),
        ("E028", "clients pass over algorithms that they do not know", READER),
        ("E029", "SHA-1 as FIPS has it, in hexadecimal", "not applicable: SHA-1 is not written"),
        ("E030", "SHA-256 as FIPS has it, in hexadecimal", (DIGESTS, PY)),
        ("E031", "SHA-512 as FIPS has it, in hexadecimal", (DIGESTS, PY)),
        ("E032", "BLAKE2b-512 in hexadecimal", "not applicable: BLAKE2b is not written"),
        ("W004", "sha512 for the content", (KEYS, PY)),
    ],
    "The inventory": [
        ("E033", "it is JSON of the stated structure", (KEYS, PY)),
        ("E034", "it is called `inventory.json`", (FILES,)),
        ("E035", "paths use `/`", (PATHS,)),
        ("E036", "id, type, digestAlgorithm and head are there", (KEYS, PY)),
        ("E037", "the id is unique, and a URI", (KEYS, PLACES, PY)),
        ("E038", "the type is that of the declared version", (KEYS, PY)),
        ("E039", "digestAlgorithm is that of manifest and state", (DIGESTS,)),
        ("E040", "head is the newest version", (ONE, PY)),
        ("E041", "manifest and versions are there", (KEYS, PY)),
        ("E102", "no key that is not in the standard", (KEYS,)),
        ("E103", "later versions keep to the same or a later standard", NO_SECOND),
        ("E110", "the id does not change between versions", NO_SECOND),
        ("W005", "the id is a URI", (KEYS, PY)),
    ],
    "The manifest": [
        ("E042", "content paths start at the object's root", (PATHS, PY)),
        ("E092", "each digest leads to the files that have it", (DIGESTS, PY)),
        ("E096", "a digest stands once, whatever its case", (DIGESTS, PY)),
        ("E098", "a content path is elements with `/` between", (PATHS,)),
        ("E099", "no element is `.`, `..` or empty", (PATHS, PY)),
        ("E100", "no path begins or ends with `/`", (PATHS, PY)),
        ("E101", "no content path is another's folder, none stands twice", (PATHS, PY)),
        ("E106", "the manifest is an object", (DIGESTS, PY)),
        ("E107", "each digest is used by some version", (ONE, PY)),
    ],
    "The versions' blocks": [
        ("E043", "there is a block of versions", (KEYS, PY)),
        ("E044", "its key is `versions`", (KEYS, PY)),
        ("E045", "it is an object", (KEYS, PY)),
        ("E046", "its keys are the names of the folders", (KEYS, ONE, PY)),
        ("E047", "each value describes a version", (KEYS, PY)),
        ("E048", "created and state are there", (KEYS, PY)),
        ("E049", "created is a time of RFC 3339", (TIME, PY)),
        ("E050", "digests of the state stand in the manifest", (ONE, PY)),
        ("E051", "a logical path is elements with `/` between", (PATHS,)),
        ("E052", "no element is `.`, `..` or empty", (PATHS, PY)),
        ("E053", "no logical path begins or ends with `/`", (PATHS, PY)),
        ("E054", "a user has a name", (KEYS, PY)),
        ("E094", "the message is text", (KEYS, PY)),
        ("E095", "no logical path is another's folder, none stands twice", (PATHS, PY)),
        ("E066", "older inventories tell the same state", NO_SECOND),
        ("W007", "there are a message and a user", (KEYS, PY)),
        ("W008", "a user has an address", (KEYS, PY)),
        ("W009", "the address is a URI", (KEYS, PY)),
        ("W010", "each version's folder has an inventory", (FILES, PY)),
        ("W011", "older inventories tell the same of a version", NO_SECOND),
    ],
    "The fixity block": [
        ("E055", "its key is `fixity`", (KEYS,)),
        ("E056", "its keys are known algorithms", (DIGESTS, PY)),
        ("E057", "it is built like the manifest", (DIGESTS, PY)),
        ("E093", "its digests are those of the files", (DIGESTS, PY)),
        ("E097", "a digest stands once, whatever its case", (DIGESTS, PY)),
        ("E111", "it is an object", (DIGESTS, PY)),
    ],
    "The inventory's digest": [
        ("E058", "each inventory has a sidecar", (SIDECAR, PY)),
        ("E059", "its algorithm is the inventory's", (SIDECAR,)),
        ("E060", "it holds the digest of the inventory", (SIDECAR, PY)),
        ("E061", "it has the form `digest inventory.json`", (SIDECAR, PY)),
        ("E062", "it is written last, after every change", (SIDECAR,)),
        ("E064", "the root's inventory is the newest version's", (ONE, PY)),
    ],
    "The storage root": [
        ("E069", "it declares itself", (ROOT_SAYS, PY)),
        ("E070", "`ocfl_layout.json` has extension and description", (ROOT_SAYS, PY)),
        ("E071", "the extension is a registered one", (ROOT_SAYS, PY)),
        ("E072", "no file between the objects", (PLACES, PY)),
        ("E073", "no empty folder", (LINKS, PY)),
        ("E074", "several roots are independent of each other", (PY,)),
        ("E075", "the declaration is written as NAMASTE has it", (ROOT_SAYS,)),
        ("E076", "there is exactly one", (ROOT_SAYS, PY)),
        ("E077", "its name has the pattern `T=dvalue`", (ROOT_SAYS,)),
        ("E078", "T is 0", (ROOT_SAYS,)),
        ("E079", "dvalue is `ocfl_` and the version", (ROOT_SAYS, PY)),
        ("E080", "the file holds dvalue and a newline", (ROOT_SAYS, PY)),
        ("E081", "objects declare the same version or an earlier one", (FILES, ROOT_SAYS)),
        ("E082", "objects lie at the ends of the hierarchy", (PLACES, PY)),
        ("E083", "an id leads to one path", (PLACES,)),
        ("E084", "no file in the folders between", (PLACES, PY)),
        ("E085", "the hierarchy ends in objects", (PLACES, LINKS, PY)),
        ("E087", "files that are not understood are passed over", READER),
        ("E088", "no folder but for objects and extensions", (PLACES, PY)),
        ("E090", "no links, hard or soft", (LINKS,)),
        ("W014", "one layout in a root", (PLACES,)),
        ("W015", "a hierarchy or objects on top, not both", (PLACES,)),
        ("W016", "extension folders have registered names", (ROOT_SAYS, PY)),
    ],
}  # fmt: skip


def ocfl_page() -> str:
    """docs/conformance/ocfl.md."""
    return "\n".join(_ocfl_lines()) + "\n"


def _ocfl_lines() -> Iterator[str]:
    states = Counter(_state(held)[0] for rules in OCFL.values() for _, _, held in rules)
    yield "# OCFL 1.1, rule by rule"
    yield ""
    yield "Written by `tools/ledgers.py`; change the table there. Codes are those of"
    yield "https://ocfl.io/1.1/spec/, the rules are in our words. It says what Lockgroove writes: the vault,"
    yield "a place, and the untarred volumes of a dump. It does not read other people's storage roots yet."
    yield ""
    yield "Of {} rules {} are done, {} are not done, and {} do not apply.".format(
        sum(states.values()), states["done"], states["not done"], states["not applicable"]
    )
    yield f"Tests are those of `{OCFL_TESTS}`. Where ocfl-py looks at a rule, it is the judge."
    for area, rules in OCFL.items():
        yield from [
            "",
            f"## {area}",
            "",
            "| code | rule | state | held by, or why not |",
            "|---|---|---|---|",
        ]
        for code, rule, held in rules:
            yield "| {} | {} | {} | {} |".format(code, rule, *_state(held))


def _state(held: Sequence[str] | str) -> tuple[str, str]:
    if isinstance(held, str):
        state, _, why = held.partition(": ")
        return state, why
    return "done", ", ".join(f"`{test}`" for test in held)


def findings_table() -> str:
    """Every code of a finding, as a table."""
    rows = [f"| `{code}` | {c.severity} | {c.meaning} | {c.advice} |" for code, c in CODES.items()]
    return "\n".join(["| code | severity | what it means | what to do |", "|---|---|---|---|", *rows])


def reasons_table() -> str:
    """Every reason of the ledger, as a table."""
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in REASONS.items()]
    return "\n".join(["| reason | what it means |", "|---|---|", *rows])


def glossary_page(page: str) -> str:
    """docs/glossary.md with its two tables as the code has them."""
    for name, table in (("findings", findings_table()), ("reasons", reasons_table())):
        head, begin, rest = page.partition(f"<!-- {name}: written by tools/ledgers.py -->\n")
        _, end, tail = rest.partition(f"\n<!-- {name} end -->")
        if not begin or not end:
            raise SystemExit(f"docs/glossary.md has lost its marks for {name}")
        page = f"{head}{begin}{table}{end}{tail}"
    return page


def ledgers() -> Mapping[Path, str]:
    """Each page and what it should hold."""
    glossary = ROOT / "docs" / "glossary.md"
    return {
        ROOT / "docs" / "conformance" / "ocfl.md": ocfl_page(),
        glossary: glossary_page(glossary.read_text(encoding="utf-8")),
    }


def main(words: Sequence[str]) -> int:
    """Write what is not up to date, or tell of it."""
    stale = 0
    for path, text in ledgers().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in words:
            print(f"{path.relative_to(ROOT)} is not up to date; run: python tools/ledgers.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
