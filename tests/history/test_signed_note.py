"""Signed notes and checkpoints: the published examples of C2SP and Go, and texts and keys that are refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from inventory.checkpoints.checkpoint import Checkpoint, parse_checkpoints
from inventory.checkpoints.signed_note import Note, NoteError, SigningKey, VerifierKey, parse_notes
from inventory.merkle import EMPTY_ROOT

# the example of golang.org/x/mod/sumdb/note
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETERS_NOTE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCHS_LINE = (
    "\N{EM DASH} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="
    "\n"
)

# the example of C2SP signed-note
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOOS_NOTE = """\
This is an example message.

\N{EM DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

# a checkpoint of Go's checksum database
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDBS_NOTE = """\
go.sum database tree
65209736
5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=

\N{EM DASH} sum.golang.org Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7l/R3cVtYspg3dxXABkGZZKdsQ8=
"""

ROOT = base64.b64encode(bytes(32)).decode()
LOG = "0123456789abcdef0123456789abcdef"
CHECKPOINT = Checkpoint(f"example.org/fleet/{LOG}", 7, bytes(32))


def one(text):
    (note,) = parse_notes(text)
    return note


@pytest.mark.parametrize(
    ("key", "note"), [(PETER, PETERS_NOTE), (FOO, FOOS_NOTE), (SUMDB, SUMDBS_NOTE), (ENOCH, PETERS_NOTE + ENOCHS_LINE)]
)
def test_a_published_note_has_a_valid_signature(key, note):
    assert VerifierKey.parse(key).signed(one(note))
    assert str(VerifierKey.parse(key)) == key
    assert str(one(note)) == note


def test_a_published_key_makes_the_published_signature():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(PETERS_SEED))
    assert str(key.verifier("PeterNeumann")) == PETER
    assert str(key.sign(one(PETERS_NOTE).text, "PeterNeumann")) == PETERS_NOTE


def test_a_published_checkpoint_is_parsed():
    (found,) = parse_checkpoints(SUMDBS_NOTE)
    assert (found.checkpoint.origin, found.checkpoint.size) == ("go.sum database tree", 65209736)
    assert found.checkpoint.text == found.note.text


@pytest.mark.parametrize(
    "changed",
    [
        PETERS_NOTE.replace("answer", "Answer"),
        PETERS_NOTE.replace("KE6RyyBwJnAM=", "KE6RyyBwJnAA="),
        PETERS_NOTE + ENOCHS_LINE + PETERS_NOTE.splitlines(keepends=True)[-1].replace("x08go/Z", "x08go/Y"),
        PETERS_NOTE.replace("PeterNeumann", "PeterNewmann"),
        PETERS_NOTE.replace("x08go", "y08go"),
        PETERS_NOTE.partition("\n\n")[0] + "\n",
        PETERS_NOTE.partition("\N{EM DASH}")[0] + ENOCHS_LINE,
        PETERS_NOTE.partition("\N{EM DASH}")[0] + "\N{EM DASH} PeterNeumann x08go/Y=\n",
    ],
    ids=["text", "signature", "one-of-two", "name", "id", "unsigned", "another", "short"],
)
def test_a_signature_that_is_missing_or_wrong_is_not_valid(changed):
    assert not VerifierKey.parse(PETER).signed(one(changed))


def test_signatures_of_unknown_keys_and_types_are_ignored():
    cosigned = f"{PETERS_NOTE}\N{EM DASH} witness.example/w {base64.b64encode(bytes(76)).decode()}\n"
    assert VerifierKey.parse(PETER).signed(one(cosigned))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("PeterNeumann", "has the form NAME"),
        ("PeterNeumann+c74f20a3", "has the form NAME"),
        (PETER.replace("Peter", "Peter "), "the name of a key"),
        (PETER.removeprefix("PeterNeumann"), "the name of a key"),
        (PETER.replace("c74f20a3", "c74f20a4"), "its id is not"),
        (PETER.replace("Peter", "peter"), "its id is not"),
        (PETER[:-1], "base64"),
        (PETER[:-4], "no Ed25519 key"),
        (PETER.replace("+ARpc", "+ABpc"), "no Ed25519 key"),
        ("x+00000000+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "no Ed25519 key"),
    ],
)
def test_what_is_no_verifier_key_is_refused(key, reason):
    with pytest.raises(NoteError, match=reason):
        VerifierKey.parse(key)


def test_a_public_key_that_is_no_point_of_the_curve_verifies_nothing():
    key = VerifierKey("PeterNeumann", b"\xff" * 32)
    signature = base64.b64encode(key.id + bytes(64)).decode()
    assert not key.signed(one(f"text\n\n\N{EM DASH} PeterNeumann {signature}\n"))


SIGNED = str(CHECKPOINT.note(SigningKey(Ed25519PrivateKey.from_private_bytes(PETERS_SEED))))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (SIGNED[:-1], "truncated"),
        (SIGNED[:-2] + "\n", "base64"),
        (SIGNED[: SIGNED.index("\N{EM DASH}")], "three lines"),
        (SIGNED[: SIGNED.index("\N{EM DASH}") + 5] + "\n", "truncated or damaged"),
        (SIGNED.replace("\n", "\r\n"), "control characters"),
        (SIGNED.replace("7", "7\0", 1), "control characters"),
        (SIGNED.replace("\n7\n", "\n07\n"), "not a number"),
        (SIGNED.replace("\n7\n", "\n-7\n"), "not a number"),
        (SIGNED.replace("\n7\n", "\n\N{ARABIC-INDIC DIGIT SEVEN}\n"), "not a number"),
        (SIGNED.replace("\n7\n", f"\n{10**18}\n"), "not a number"),
        (SIGNED.replace("\n7\n", "\n\n"), "three lines"),
        (SIGNED.replace(ROOT, ROOT[:-4]), "SHA-256"),
        (SIGNED.replace(ROOT, ROOT[:-2] + "B="), "base64"),
        (SIGNED.replace(ROOT, base64.b64encode(bytes(33)).decode()), "SHA-256"),
        (SIGNED.replace("\n7\n", "\n0\n"), "an empty log"),
        ("just a text\n", "three lines"),
        ("just\nanother\ntext\n", "not a number"),
        (f"{SIGNED}more\n", "no signature"),
        (f"{SIGNED}\n\n{SIGNED}", "three lines"),
        (f"{CHECKPOINT.text}{CHECKPOINT.text}", "another checkpoint begins without a blank line"),
        (f"{CHECKPOINT.text}an extension\n{SIGNED}", "another checkpoint begins without a blank line"),
        (SIGNED.replace("\N{EM DASH} example", "\N{EM DASH} ex+mple"), "the name of a key"),
        (SIGNED[: SIGNED.rindex(" ")] + " AAAA\n", "a signature is truncated"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text, reason):
    with pytest.raises(NoteError, match=reason):
        list(parse_checkpoints(text))


def test_a_file_may_hold_several_checkpoints_and_lines_of_extension():
    later = Checkpoint(CHECKPOINT.origin, 9, bytes(range(32)))
    texts = [SIGNED, CHECKPOINT.text, later.text, SIGNED + ENOCHS_LINE, f"{later.text}an extension\n"]
    found = [each.checkpoint for each in parse_checkpoints("\n".join(texts))]
    assert found == [CHECKPOINT, CHECKPOINT, later, CHECKPOINT, later]


def test_an_empty_log_has_a_checkpoint():
    empty = Checkpoint("o/x", 0, EMPTY_ROOT)
    (found,) = parse_checkpoints(empty.text)
    assert found.checkpoint == empty


def test_one_key_signs_every_log_under_its_origin():
    key = SigningKey.generate()
    other = Checkpoint(f"example.org/fleet/{LOG[::-1]}", 3, bytes(32))
    (first,), (second,) = (parse_checkpoints(str(each.note(key))) for each in (CHECKPOINT, other))
    assert first.note.signatures[0].key_name == CHECKPOINT.origin
    assert first.note.signatures[0].key_id != second.note.signatures[0].key_id
    named = key.verifier("example.org/fleet")
    assert first.signed_by(named)
    assert second.signed_by(named)
    exact = key.verifier(CHECKPOINT.origin)
    assert first.signed_by(exact)
    assert not second.signed_by(exact)
    for name in ("example.org", "example.org/flee", "example.org/fleet/", "other"):
        assert not first.signed_by(key.verifier(name))
    assert not first.signed_by(SigningKey.generate().verifier("example.org/fleet"))


def test_a_key_that_is_read_from_its_pem_is_the_same_key():
    key = SigningKey.generate()
    again = SigningKey.from_pem(key.pem.decode())
    assert str(again.verifier("n")) == str(key.verifier("n"))
    assert str(again.sign("text\n", "n")) == str(key.sign("text\n", "n"))


def test_a_note_without_a_signature_is_its_text_alone():
    assert str(Note("text\n")) == "text\n"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        ("", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (X25519PrivateKey.generate().private_bytes_raw().hex(), "no private key"),
        (SigningKey(X25519PrivateKey.generate()).pem.decode(), "no Ed25519 key"),
        (
            Ed25519PrivateKey.generate()
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
            .decode(),
            "encrypted",
        ),
    ],
    ids=["empty", "damaged", "hex", "another-type", "encrypted"],
)
def test_what_is_no_key_file_is_refused(pem, reason):
    with pytest.raises(NoteError, match=reason):
        SigningKey.from_pem(pem)
