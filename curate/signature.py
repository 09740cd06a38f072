"""Signatures: a statement in a DSSE envelope signed with Ed25519, so that only the holder of the key can have made it.

    key = new_key(Path("winnow.pem"))                        # mode 0600; its public half beside it: winnow.pem.pub
    envelope = sign(statement, private_key(Path("winnow.pem")))
    open_envelope(envelope, [public_key(Path("winnow.pem.pub"))])      # the statement, or Refused

Unsigned, a certificate protects against accident: rows that changed, another eval file, a half-written copy. It does not
protect against forgery, since anybody can write one. Signed, it protects against forgery too, but only where somebody names
the public key to trust: a signature that is checked against no key says nothing, and who may write the file may also take
the signature away. So where a key is trusted, a certificate without its signature is refused.

The envelope is DSSE 1.0 (https://github.com/secure-systems-lab/dsse), made and checked by securesystemslib, so other
supply-chain tools read it. A key's id is the SHA-256 that securesystemslib and TUF give it. It is a hint, and decides
nothing: what decides is whether the signature fits the key. Needs `pip install "winnow-tune[sign]"`, for a trusted key only.
"""

import base64
import binascii
import copy
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from curate import save
from curate.errors import BadInput, Refused, Surroundings, WinnowError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PUBLIC = ".pub"
FIELDS, SIGNATURE_FIELDS = {"payload", "payloadType", "signatures"}, {"keyid", "sig"}
OTHERS = stat.S_IRWXG | stat.S_IRWXO
MANY = 16  # signatures that an envelope may hold
LONGEST_KEY = 65_536  # bytes

Json = Any


@dataclass(frozen=True)
class PublicKey:
    """Whom to trust. `key` is securesystemslib's."""

    key_id: str
    key: Any = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"Ed25519 key {self.key_id}"


@dataclass(frozen=True)
class PrivateKey:
    """What signs. Prints as its id, never as itself."""

    public: PublicKey
    signer: Any = field(repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.public)


@dataclass(frozen=True)
class Standing:
    """What stands behind a certificate: `named` are the keys its envelope names, `checked` those whose signature fits."""

    named: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether it came in an envelope at all; without a trusted key that proves nothing."""
        return bool(self.named)

    def to_dict(self) -> dict[str, Any]:
        """For `--json` and manifests: key ids only."""
        return {"signed": self.signed, "keys": list(self.named), "trusted_keys": list(self.checked)}

    def __str__(self) -> str:
        if self.checked:
            return f"signed by the trusted key {_heads(self.checked)}: this protects against forgery"
        if self.named:
            return (
                f"it names the key {_heads(self.named)}, and that signature was not checked, for want of a key to trust: "
                "this protects against accident, not against forgery"
            )
        return "unsigned: this protects against accident, not against forgery"


UNSIGNED = Standing()


def new_key(path: Path) -> PrivateKey:
    """Make a key pair: the private half at `path` (mode 0600), the public half at `path` + `.pub`. Replaces nothing."""
    pem, ed25519 = _libraries()[:2]
    public = path.with_name(path.name + PUBLIC)
    for place in (path, public):
        if place.exists():
            raise BadInput("there is a file already, and a key is never replaced", where=str(place), hint="a new name")
    secret = ed25519.Ed25519PrivateKey.generate()
    ours = secret.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    theirs = secret.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    save.write_bytes(path, ours, mode=0o600)
    save.write_bytes(public, theirs, mode=0o644)
    return private_key(path)


def private_key(path: Path) -> PrivateKey:
    """The key at `path`. Refused where others than its owner may read the file."""
    lib = _libraries()
    try:
        secret = lib.pem.load_pem_private_key(_bytes(path, "private key"), None)
    except TypeError:
        raise BadInput("the key has a passphrase, which Winnow does not ask for", where=str(path)) from None
    except WinnowError:
        raise
    except Exception:  # its messages may quote the key
        secret = None
    if not isinstance(secret, lib.ed25519.Ed25519PrivateKey):
        hint = "winnow certify ITERATION --new-key FILE"
        raise BadInput("this is not a private Ed25519 key in PEM", where=str(path), hint=hint)
    public = lib.signer.SSlibKey.from_crypto(secret.public_key())
    return PrivateKey(PublicKey(public.keyid, public), lib.signer.CryptoSigner(secret, public))


def public_key(path: Path) -> PublicKey:
    """The public key at `path`, as PEM. A private key here is refused: it must not be handed around."""
    lib, found = _libraries(), _bytes(path, "public key")
    if b"PRIVATE KEY" in found:
        raise Refused("this is a private key; trust needs its public half", where=str(path), hint=f"{path}{PUBLIC}")
    try:
        public = lib.pem.load_pem_public_key(found)
    except Exception:
        public = None
    if not isinstance(public, lib.ed25519.Ed25519PublicKey):
        raise BadInput("this is not a public Ed25519 key in PEM", where=str(path))
    key = lib.signer.SSlibKey.from_crypto(public)
    return PublicKey(key.keyid, key)


def sign(statement: Mapping[str, Json], key: PrivateKey) -> dict[str, Json]:
    """The statement in an envelope. The same statement and key give the same bytes."""
    body = json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    envelope = _libraries().dsse.Envelope(body, PAYLOAD_TYPE, {})
    envelope.sign(key.signer)
    sealed: dict[str, Json] = envelope.to_dict()
    return sealed


def open_envelope(envelope: Json, trusted: Sequence[PublicKey]) -> Json:
    """What a trusted key signed. Refused without such a signature, and where one by a trusted key does not fit.

    Several signatures are several signers: one that is trusted is enough, and those of other keys are passed over.
    """
    check(envelope, trusted)
    return peek(envelope)


def check(envelope: Json, trusted: Sequence[PublicKey], *, where: str | None = None) -> Standing:
    """The keys that an envelope names, and which of them are trusted and fit. Refused where none is."""
    named = _named(envelope, where)
    known = {key.key_id: key for key in trusted}
    ours = [key_id for key_id in named if key_id in known]
    if not ours:
        wanted = f"and the trusted key is {_heads(tuple(known))}" if known else "and no key is trusted"
        raise Refused(f"the certificate is signed by {_heads(named)}, {wanted}", where=where)
    sealed = _libraries().dsse.Envelope.from_dict(copy.deepcopy(envelope))  # it takes apart what it is given
    for key_id in ours:
        try:
            known[key_id].key.verify_signature(sealed.signatures[key_id], sealed.pae())
        except Exception:  # whatever goes wrong here, the signature was not seen to fit
            what = f"the signature by {_heads((key_id,))} does not fit: the certificate or the signature was changed"
            raise Refused(what, where=where) from None
    return Standing(named, tuple(ours))


def peek(envelope: Json, *, where: str | None = None) -> Json:
    """What is in an envelope, and nobody checked who signed it. BadInput where it is no envelope."""
    _named(envelope, where)
    try:
        return parsed(_base64(envelope["payload"]))
    except (ValueError, RecursionError):
        raise BadInput("what the envelope holds is not a certificate", where=where) from None


def named_by(envelope: Json, *, where: str | None = None) -> Standing:
    """The keys that an envelope names, unchecked."""
    return Standing(_named(envelope, where))


def is_envelope(value: Json) -> bool:
    """Whether this is meant as an envelope."""
    return isinstance(value, dict) and bool(value.keys() & FIELDS)


def parsed(text: str | bytes) -> Json:
    """JSON in which no key stands twice, because of the two only one would be seen. ValueError otherwise."""
    return json.loads(text, object_pairs_hook=_once)


def _named(envelope: Json, where: str | None) -> tuple[str, ...]:
    """Check the form of an envelope and give the key ids of its signatures."""
    if not isinstance(envelope, dict) or FIELDS - envelope.keys():
        raise BadInput("this is not a whole envelope: it needs payload, payloadType and signatures", where=where)
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise Refused(f"the envelope holds something other than {PAYLOAD_TYPE}", where=where)
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or not all(isinstance(each, dict) for each in signatures):
        raise BadInput("the signatures of the envelope are not in their form", where=where)
    if not 1 <= len(signatures) <= MANY:
        raise Refused(f"the envelope holds {len(signatures)} signatures, not 1 to {MANY}", where=where)
    for each in signatures:
        if SIGNATURE_FIELDS - each.keys():
            raise BadInput("a signature of the envelope needs keyid and sig", where=where)
        if not isinstance(each["keyid"], str) or not each["keyid"]:
            raise BadInput("a signature of the envelope names no key", where=where)
    if more := sorted({*envelope} - FIELDS) + sorted({key for each in signatures for key in each} - SIGNATURE_FIELDS):
        raise Refused(f"the envelope states '{more[0][:60]}', which Winnow does not check", where=where)
    try:
        for text in (envelope["payload"], *(each["sig"] for each in signatures)):
            _base64(text)
    except ValueError:
        raise BadInput("the envelope is not in base64", where=where) from None
    named = tuple(each["keyid"] for each in signatures)
    if len(set(named)) < len(named):
        raise Refused("the envelope holds two signatures of one key", where=where)
    return named


def _base64(text: Json) -> bytes:
    """Standard or URL-safe base64, and only the one way of writing these bytes. ValueError otherwise."""
    if not isinstance(text, str):
        raise ValueError("not text")
    url = "-" in text or "_" in text
    try:
        found = base64.b64decode(text.encode("ascii"), altchars=b"-_" if url else None, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64") from None
    if (base64.urlsafe_b64encode if url else base64.standard_b64encode)(found).decode() != text:
        raise ValueError("not the usual base64 of these bytes")
    return found


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _heads(key_ids: Sequence[str]) -> str:
    return ", ".join(f"{key_id[:12]!r}" if not key_id.isalnum() else key_id[:12] for key_id in key_ids)


def _bytes(path: Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if what == "private key" and mode & OTHERS:
                said = f"others than its owner may use this key file (mode {mode:04o}), so it is not used"
                raise Refused(said, where=str(path), hint=f"chmod 600 {path}")
            return file.read(LONGEST_KEY)
    except FileNotFoundError:
        raise BadInput(f"there is no {what} here", where=str(path)) from None
    except OSError as error:
        raise BadInput(f"the {what} cannot be read: {save.said(error)}", where=str(path)) from None


class _Libraries(NamedTuple):
    pem: Any
    ed25519: Any
    dsse: Any
    signer: Any


def _libraries() -> _Libraries:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from securesystemslib import dsse, signer
    except ImportError:
        what = "signing, and checking a signature, needs securesystemslib and cryptography, which are not installed"
        raise Surroundings(what, hint='pip install "winnow-tune[sign]"') from None
    return _Libraries(serialization, ed25519, dsse, signer)
