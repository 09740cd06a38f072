"""Signatures: what a trusted key signed comes out, nothing else does, and a key stays where it is."""

import base64
import builtins
import copy
import json
import logging
import os
import random
from pathlib import Path
from typing import Any

import pytest

from curate import signature
from curate.errors import BadInput, Refused, Surroundings

pytest.importorskip("cryptography")
pytest.importorskip("securesystemslib")

STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicate": {"rows": 3, "case": "wie geht’s 😀 \ud800"},
}

# RFC 8032, section 7.1, test 1: the secret key, its public key, and the signature of the empty message.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[signature.PrivateKey, signature.PublicKey]:
    made = signature.new_key(tmp_path / "winnow.pem")
    return made, signature.public_key(tmp_path / "winnow.pem.pub")


@pytest.fixture
def other(tmp_path: Path) -> signature.PrivateKey:
    return signature.new_key(tmp_path / "other.pem")


def _pae(payload_type: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding, written out from its definition."""
    name = payload_type.encode()
    return b" ".join([b"DSSEv1", str(len(name)).encode(), name, str(len(body)).encode(), body])


# -- what holds -------------------------------------------------------------------------------------------------------


def test_what_was_signed_comes_out(keys: Any) -> None:
    key, public = keys
    envelope = json.loads(json.dumps(signature.sign(STATEMENT, key)))
    assert signature.open_envelope(envelope, [public]) == STATEMENT
    assert signature.peek(envelope) == STATEMENT
    assert signature.sign(STATEMENT, key) == envelope, "the same statement and key give the same bytes"
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [each["keyid"] for each in envelope["signatures"]] == [public.key_id] == [key.public.key_id]


def test_the_published_example_of_the_encoding() -> None:
    from securesystemslib.dsse import Envelope

    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert Envelope(b"hello world", "http://example.com/HelloWorld", {}).pae() == expected
    assert _pae("http://example.com/HelloWorld", b"hello world") == expected


def test_the_signature_is_ed25519_over_that_encoding(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as ways
    from cryptography.hazmat.primitives.asymmetric import ed25519

    secret = ed25519.Ed25519PrivateKey.from_private_bytes(SECRET)
    assert secret.public_key().public_bytes_raw().hex() == PUBLIC
    path = tmp_path / "rfc.pem"
    path.write_bytes(secret.private_bytes(ways.Encoding.PEM, ways.PrivateFormat.PKCS8, ways.NoEncryption()))
    path.chmod(0o600)
    envelope = signature.sign(STATEMENT, signature.private_key(path))
    body = base64.b64decode(envelope["payload"])
    raw = base64.b64decode(envelope["signatures"][0]["sig"])
    assert raw == secret.sign(_pae(signature.PAYLOAD_TYPE, body))
    assert json.loads(body) == STATEMENT


def test_one_trusted_signer_among_several_is_enough(keys: Any, other: Any) -> None:
    key, public = keys
    envelope = signature.sign(STATEMENT, key)
    envelope["signatures"] += signature.sign(STATEMENT, other)["signatures"]
    standing = signature.check(envelope, [public])
    assert (standing.named, standing.checked) == ((public.key_id, other.public.key_id), (public.key_id,))
    assert signature.check(envelope, [public, other.public]).checked == standing.named
    # What an unknown signer wrote is passed over; what a trusted one wrote must fit.
    envelope["signatures"][1]["sig"] = base64.b64encode(bytes(64)).decode()
    assert signature.open_envelope(envelope, [public]) == STATEMENT
    with pytest.raises(Refused, match="does not fit"):
        signature.open_envelope(envelope, [public, other.public])


def test_url_safe_base64_is_read_too(keys: Any) -> None:
    key, public = keys
    envelope = signature.sign(STATEMENT, key)
    for text in (envelope, envelope["signatures"][0]):
        name = "payload" if "payload" in text else "sig"
        text[name] = text[name].replace("+", "-").replace("/", "_")
    assert signature.open_envelope(envelope, [public]) == STATEMENT


def test_how_it_stands_is_told(keys: Any) -> None:
    key, public = keys
    envelope = signature.sign(STATEMENT, key)
    assert "trusted key" in str(signature.check(envelope, [public]))
    assert "protects against forgery" in str(signature.check(envelope, [public]))
    assert "against accident, not against forgery" in str(signature.named_by(envelope))
    assert str(signature.Standing()) == "unsigned: this protects against accident, not against forgery"


# -- what is refused --------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused(keys: Any, other: Any) -> None:
    envelope = signature.sign(STATEMENT, other)
    with pytest.raises(Refused, match=f"signed by {other.public.key_id[:12]}, and the trusted key is"):
        signature.open_envelope(envelope, [keys[1]])
    with pytest.raises(Refused, match="no key is trusted"):
        signature.open_envelope(envelope, [])


def test_a_key_id_is_a_hint_and_decides_nothing(keys: Any, other: Any) -> None:
    forged = signature.sign(STATEMENT, other)
    forged["signatures"][0]["keyid"] = keys[1].key_id
    with pytest.raises(Refused, match="does not fit"):
        signature.open_envelope(forged, [keys[1]])


def test_every_changed_byte_is_refused(keys: Any) -> None:
    key, public = keys
    sound, draw = signature.sign(STATEMENT, key), random.Random(5)
    for _ in range(100):
        bent = copy.deepcopy(sound)
        place, name = draw.choice([(bent, "payload"), (bent["signatures"][0], "sig"), (bent["signatures"][0], "keyid")])
        text, at = place[name], draw.randrange(len(place[name]))
        letter = draw.choice("ABCDEFabcdef0123456789+/=")
        place[name] = text[:at] + letter + text[at + 1 :]
        if place[name] != text:
            with pytest.raises((Refused, BadInput)):
                signature.open_envelope(bent, [public])


def test_a_payload_of_another_type_is_refused(keys: Any) -> None:
    envelope = signature.sign(STATEMENT, keys[0])
    envelope["payloadType"] = "application/json"
    with pytest.raises(Refused, match="something other than application/vnd"):
        signature.open_envelope(envelope, [keys[1]])


@pytest.mark.parametrize(
    ("kind", "said", "change"),
    [
        (BadInput, "not a whole envelope", lambda e: e.pop("payload")),
        (BadInput, "not a whole envelope", lambda e: e.pop("signatures")),
        (BadInput, "not in their form", lambda e: e.update(signatures={})),
        (BadInput, "not in their form", lambda e: e.update(signatures=["x"])),
        (Refused, "holds 0 signatures", lambda e: e.update(signatures=[])),
        (Refused, "two signatures of one key", lambda e: e["signatures"].append(dict(e["signatures"][0]))),
        (Refused, "holds 17 signatures", lambda e: e.update(signatures=e["signatures"] * 17)),
        (Refused, "states 'more'", lambda e: e.update(more=1)),
        (Refused, "states 'cert'", lambda e: e["signatures"][0].update(cert="x")),
        (BadInput, "names no key", lambda e: e["signatures"][0].update(keyid="")),
        (BadInput, "needs keyid and sig", lambda e: e["signatures"][0].pop("keyid")),
        (BadInput, "not in base64", lambda e: e.update(payload="{}")),
        (BadInput, "not in base64", lambda e: e.update(payload=e["payload"] + "\n")),
        (BadInput, "not in base64", lambda e: e.update(payload=7)),
        (BadInput, "not in base64", lambda e: e["signatures"][0].update(sig="é")),
    ],
)
def test_an_envelope_that_is_none(keys: Any, kind: type[Exception], said: str, change: Any) -> None:
    envelope = signature.sign(STATEMENT, keys[0])
    change(envelope)
    for look in (lambda: signature.open_envelope(envelope, [keys[1]]), lambda: signature.peek(envelope)):
        with pytest.raises(kind, match=said):
            look()


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_a_payload_that_is_no_json(keys: Any, body: bytes) -> None:
    from securesystemslib.dsse import Envelope

    envelope = Envelope(body, signature.PAYLOAD_TYPE, {})
    envelope.sign(keys[0].signer)
    with pytest.raises(BadInput, match="not a certificate"):
        signature.open_envelope(envelope.to_dict(), [keys[1]])


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_for_its_owner_alone(tmp_path: Path, keys: Any) -> None:
    path = tmp_path / "winnow.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (tmp_path / "winnow.pem.pub").read_bytes()
    for mode in (0o640, 0o604, 0o660, 0o601):
        path.chmod(mode)
        with pytest.raises(Refused, match="others than its owner") as caught:
            signature.private_key(path)
        assert f"chmod 600 {path}" in str(caught.value)


def test_a_key_is_never_replaced(tmp_path: Path, keys: Any) -> None:
    before = (tmp_path / "winnow.pem").read_bytes()
    with pytest.raises(BadInput, match="never replaced"):
        signature.new_key(tmp_path / "winnow.pem")
    (tmp_path / "winnow.pem").unlink()
    with pytest.raises(BadInput, match=r"never replaced"):
        signature.new_key(tmp_path / "winnow.pem")
    assert before


def test_nothing_secret_is_shown(tmp_path: Path, keys: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        envelope = signature.sign(STATEMENT, keys[0])
        signature.open_envelope(envelope, [keys[1]])
    secret = (tmp_path / "winnow.pem").read_text().splitlines()[1]
    shown = "\n".join([repr(keys), str(keys[0]), str(keys[1]), json.dumps(envelope), caplog.text])
    assert secret not in shown
    assert keys[1].key_id in shown


def test_files_that_are_no_key(tmp_path: Path, keys: Any) -> None:
    from cryptography.hazmat.primitives import serialization as ways
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    for reads in (signature.private_key, signature.public_key):
        with pytest.raises(BadInput, match=r"there is no (private|public) key here"):
            reads(tmp_path / "nowhere.pem")
        with pytest.raises(BadInput, match="cannot be read"):
            reads(tmp_path)
    with pytest.raises(Refused, match="trust needs its public half"):
        signature.public_key(tmp_path / "winnow.pem")
    pem, form = ways.Encoding.PEM, ways.PrivateFormat.PKCS8
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, form, ways.NoEncryption())
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(pem, form, ways.BestAvailableEncryption(b"x"))
    for content, said in ((b"", "not a private Ed25519"), (curve, "not a private Ed25519"), (locked, "a passphrase")):
        os.open(tmp_path / "k.pem", os.O_CREAT, 0o600)
        (tmp_path / "k.pem").write_bytes(content)
        with pytest.raises(BadInput, match=said):
            signature.private_key(tmp_path / "k.pem")
    (tmp_path / "k.pub").write_bytes(b"-----BEGIN PUBLIC KEY-----\nMCowBQ==\n-----END PUBLIC KEY-----\n")
    with pytest.raises(BadInput, match="not a public Ed25519 key"):
        signature.public_key(tmp_path / "k.pub")


def test_without_the_libraries_the_sentence_says_what_to_install(
    tmp_path: Path, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope, real = signature.sign(STATEMENT, keys[0]), builtins.__import__

    def missing(name: str, *more: Any, **named: Any) -> Any:
        if name.split(".")[0] in ("cryptography", "securesystemslib"):
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    for use in (
        lambda: signature.new_key(tmp_path / "more.pem"),
        lambda: signature.public_key(tmp_path / "winnow.pem.pub"),
        lambda: signature.open_envelope(envelope, [keys[1]]),
    ):
        with pytest.raises(Surroundings, match="are not installed") as caught:
            use()
        assert 'pip install "winnow-tune[sign]"' in str(caught.value)
    assert signature.peek(envelope) == STATEMENT, "looking inside needs no library"
