"""Signatures that Debian's minisign and we agree on, and keyed groups that tell nothing of a name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove import keys
from lockgroove.errors import UsageError, VerificationFailed

KEY = keys.SigningKey(bytes(range(8)), bytes(range(32)))
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=40)
needs_minisign = pytest.mark.skipif(
    shutil.which("minisign") is None, reason="minisign is not here: apt-get install minisign"
)


def minisign_accepts(folder: Path, data: bytes, signature: bytes, public: keys.PublicKey) -> str | None:
    """The trusted comment when minisign verifies the files, None when it does not."""
    (folder / "data").write_bytes(data)
    (folder / "data.minisig").write_bytes(signature)
    (folder / "key.pub").write_bytes(public.file())
    run = subprocess.run(
        ["minisign", "-V", "-Q", "-p", folder / "key.pub", "-m", folder / "data"], capture_output=True
    )
    return run.stdout.decode().removesuffix("\n") if run.returncode == 0 else None


@given(st.binary(max_size=300), LINE)
def test_what_we_sign_we_verify_and_the_comment_comes_back(data, comment) -> None:
    signature = KEY.sign(data, comment)

    assert keys.verify(data, signature, KEY.public, "here") == comment
    assert KEY.sign(data, comment) == signature


@needs_minisign
@settings(max_examples=25)
@given(data=st.binary(max_size=300), comment=LINE)
def test_minisign_verifies_what_we_sign(tmp_path_factory, data, comment) -> None:
    folder = tmp_path_factory.mktemp("minisign")

    assert minisign_accepts(folder, data, KEY.sign(data, comment), KEY.public) == comment


@needs_minisign
def test_we_verify_what_minisign_signs(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"anything at all")
    secret, public = tmp_path / "secret", tmp_path / "public"
    subprocess.run(["minisign", "-G", "-W", "-p", public, "-s", secret], check=True, capture_output=True)
    sign = ["minisign", "-S", "-s", secret, "-m", tmp_path / "data", "-t", "a comment, さくら"]
    subprocess.run(sign, check=True, capture_output=True)
    key = keys.parse_public(public.read_text())

    comment = keys.verify(b"anything at all", (tmp_path / "data.minisig").read_bytes(), key, "here")

    assert comment == "a comment, さくら"


def test_any_flipped_bit_is_refused() -> None:
    """Each bit of data, signature, trusted comment and its signature; only the untrusted words may change."""
    data, comment = b"what was signed", "root 0123 as of 2026"
    signature = KEY.sign(data, comment)
    start = signature.index(b"\n")
    free = range(len(b"untrusted comment: "), start)

    for bit in range(len(data) * 8):
        with pytest.raises(VerificationFailed):
            keys.verify(flipped(data, bit), signature, KEY.public, "here")
    for bit in range(len(signature) * 8):
        if bit // 8 not in free:
            with pytest.raises(VerificationFailed):
                keys.verify(data, flipped(signature, bit), KEY.public, "here")


def flipped(data: bytes, bit: int) -> bytes:
    raw = bytearray(data)
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace(b"trusted comment: root", b"root", 2),
        lambda s: s + b"\n",
        lambda s: b"\n" + s,
        lambda s: s.replace(b"\n", b"\r\n"),
        lambda s: s.replace(b"=\n", b"= \n"),
        lambda s: b"",
        lambda s: s[: len(s) // 2],
        lambda s: b"\xff" + s,
    ],
)
def test_another_form_of_the_same_signature_is_refused(change) -> None:
    """Two files that both verify would let a mirror make a signed dump's bytes differ."""
    signature = KEY.sign(b"data", "root")

    with pytest.raises(VerificationFailed):
        keys.verify(b"data", change(signature), KEY.public, "here")


def test_another_key_is_refused() -> None:
    signature = KEY.sign(b"data", "root")
    same_number = keys.SigningKey(bytes(range(8)), bytes(32))
    same_key = keys.SigningKey(bytes(8), bytes(range(32)))

    for other in (same_number, same_key):
        with pytest.raises(VerificationFailed):
            keys.verify(b"data", signature, other.public, "here")


@pytest.mark.parametrize("comment", ["two\nlines", "a\rreturn"])
def test_a_comment_is_one_line(comment) -> None:
    with pytest.raises(ValueError, match="one line"):
        KEY.sign(b"data", comment)


def test_a_public_key_is_read_as_file_and_as_word() -> None:
    assert keys.parse_public(KEY.public.file().decode()) == KEY.public
    assert keys.parse_public(KEY.public.text()) == KEY.public


@pytest.mark.parametrize("text", ["", "RWQ", "not base64 at all!", "A" * 56, KEY.public.text()[:-4]])
def test_what_is_no_public_key_is_refused(text) -> None:
    with pytest.raises(UsageError):
        keys.parse_public(text)


def test_new_keys_are_random_and_their_owners_alone(tmp_path: Path) -> None:
    one, two = f"{tmp_path}/one", f"{tmp_path}/two"
    for folder in (one, two):
        keys.create(folder)

    assert keys.load_signing(one).public != keys.load_signing(two).public
    assert os.stat(one).st_mode & 0o777 == 0o700
    assert {os.stat(f"{one}/{name}").st_mode & 0o777 for name in os.listdir(one)} == {0o600}


@pytest.mark.parametrize("name", [keys.SIGNING_KEY, keys.DIGEST_KEY])
@pytest.mark.parametrize("cut", [None, 0, 5])
def test_a_key_that_is_missing_or_cut_is_told(tmp_path: Path, name: str, cut: int | None) -> None:
    keys.create(str(tmp_path))
    raw = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if cut is not None:
        (tmp_path / name).write_bytes(raw[:cut])

    with pytest.raises(UsageError, match="missing or cut"):
        (keys.load_signing if name == keys.SIGNING_KEY else keys.listener_group)(str(tmp_path))


def test_groups_of_listeners_are_uniform(tmp_path: Path) -> None:
    """Chi-squared over 64 groups: 63 degrees of freedom, above 135 by chance once in a million."""
    keys.create(str(tmp_path))
    group = keys.listener_group(str(tmp_path))
    count = 64_000

    groups = Counter(group(f"listener-{n}") for n in range(count))

    expected = count / 64
    assert set(groups) == set(range(64))
    assert sum((n - expected) ** 2 / expected for n in groups.values()) < 135


def test_groups_of_listeners_depend_on_the_key(tmp_path: Path) -> None:
    """Under another key only one in 64 stays where it was."""
    names = [f"listener-{n}" for n in range(3000)]
    groups = []
    for folder in ("one", "two"):
        keys.create(str(tmp_path / folder))
        groups.append([keys.listener_group(str(tmp_path / folder))(name) for name in names])
    again = [keys.listener_group(str(tmp_path / "one"))(name) for name in names]

    assert groups[0] == again
    assert sum(a == b for a, b in zip(*groups, strict=True)) < 150
