"""The keys of a book: wrapping keys, signing keys and the key of the look-up hashes, held outside the database.

They live in a file of the data folder that only its owner can read, or in an environment variable. Who has only
the database, or a dump of it, can read no personal data, guess no phone number and sign no checkpoint.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

FILE_NAME: Final = "keys.json"
VARIABLE: Final = "MINGQU_KEYS"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # of AES-GCM; random, and no key here seals anywhere near 2^32 texts
FORMAT: Final = 1
FILE_BYTES_MAX: Final = 1_000_000  # thousands of rotations; a larger file is another file
_KEY_ID_BYTES: Final = 8


class KeyringMissing(Refusal):
    """There is no file of keys, and without its keys a book cannot be read."""

    code = "keyring_missing"
    status = 503


class KeyringExists(Refusal):
    """There is a file of keys already; writing another would make the book unreadable."""

    code = "keyring_exists"
    status = 409


class KeyringMalformed(Refusal):
    """The keys do not read: damaged, of a newer version, or not a file of keys."""

    code = "keyring_malformed"
    status = 503


class KeyringExposed(Refusal):
    """Others on this machine may read the file of keys."""

    code = "keyring_exposed"
    status = 503


class KeyUnknown(Refusal):
    """Something was sealed or signed with a key that is not in this keyring."""

    code = "key_unknown"
    status = 503


class SealBroken(Refusal):
    """Sealed data does not open: it was changed, moved to another place, or sealed with another key."""

    code = "seal_broken"
    status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of one book. Older keys stay to open and verify what they made; the current ones make new things."""

    wrapping: Mapping[str, bytes] = field(repr=False)
    wrapping_id: str
    signing: Mapping[str, bytes] = field(repr=False)
    signing_id: str
    lookup: bytes = field(repr=False)

    def lookup_hash(self, *, kind: str, value: Personal[str]) -> bytes:
        """Return the keyed hash by which a value of a kind is found again: HMAC-SHA256 of kind, 0x00 and value."""
        return hmac.new(self.lookup, kind.encode() + b"\x00" + value.reveal().encode(), hashlib.sha256).digest()

    def wrap(self, *, key: bytes, place: bytes) -> tuple[str, bytes]:
        """Return the id of the current wrapping key and a data key sealed with it for a place."""
        return self.wrapping_id, seal(key=self.wrapping[self.wrapping_id], text=key, place=place)

    def unwrap(self, *, key_id: str, wrapped: bytes, place: bytes) -> bytes:
        """Return the data key again. Errors: KeyUnknown, SealBroken."""
        if key_id not in self.wrapping:
            raise KeyUnknown("The wrapping key of this data is not in the keyring: restore the file of keys.")
        return unseal(key=self.wrapping[key_id], sealed=wrapped, place=place)

    def sign(self, body: bytes) -> tuple[str, bytes]:
        """Return the id of the current signing key and its Ed25519 signature (RFC 8032) of the bytes."""
        return self.signing_id, Ed25519PrivateKey.from_private_bytes(self.signing[self.signing_id]).sign(body)

    def signed(self, *, key_id: str, body: bytes, signature: bytes) -> bool:
        """Return whether a signing key of this keyring made the signature."""
        if key_id not in self.signing:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key(key_id)).verify(signature, body)
        except InvalidSignature:
            return False
        return True

    def public_key(self, key_id: str) -> bytes:
        """Return the 32 bytes of a signing key that may be shown to everyone. Errors: KeyUnknown."""
        if key_id not in self.signing:
            raise KeyUnknown("This signing key is not in the keyring: restore the file of keys.")
        return Ed25519PrivateKey.from_private_bytes(self.signing[key_id]).public_key().public_bytes_raw()

    def with_new_wrapping_key(self) -> Keyring:
        """Return the keyring with a fresh current wrapping key; write it before it is used."""
        key_id = _fresh_id()
        return replace(self, wrapping=MappingProxyType({**self.wrapping, key_id: _fresh_key()}), wrapping_id=key_id)

    def with_new_signing_key(self) -> Keyring:
        """Return the keyring with a fresh current signing key; write it before it is used."""
        key_id = _fresh_id()
        return replace(self, signing=MappingProxyType({**self.signing, key_id: _fresh_key()}), signing_id=key_id)


def seal(*, key: bytes, text: bytes, place: bytes) -> bytes:
    """Return nonce and ciphertext of AES-256-GCM; the place is authenticated, so that it opens nowhere else."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, place)


def unseal(*, key: bytes, sealed: bytes, place: bytes) -> bytes:
    """Return the sealed text. Errors: SealBroken."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise SealBroken("Sealed data does not open: it was changed, or sealed with other keys.") from None


def fresh() -> Keyring:
    """Return a keyring of new random keys."""
    wrapping_id, signing_id = _fresh_id(), _fresh_id()
    return Keyring(
        wrapping=MappingProxyType({wrapping_id: _fresh_key()}),
        wrapping_id=wrapping_id,
        signing=MappingProxyType({signing_id: _fresh_key()}),
        signing_id=signing_id,
        lookup=_fresh_key(),
    )


def create(*, folder: Path) -> Keyring:
    """Make new keys and write them to keys.json, mode 0600, in a data folder. Errors: KeyringExists."""
    keyring = fresh()
    partial = _written_beside(keyring, folder=folder)
    try:
        (folder / FILE_NAME).hardlink_to(partial)  # unlike a rename, never in place of another file
    except FileExistsError:
        raise KeyringExists(f"{FILE_NAME} exists already in the data folder.") from None
    finally:
        partial.unlink()
    _make_names_durable(folder)
    return keyring


def load(*, folder: Path, environment: Mapping[str, str]) -> Keyring:
    """Return the keys in the variable MINGQU_KEYS, else in the file keys.json of the data folder.

    Errors: KeyringMissing, KeyringExposed (anybody but the owner may read the file), KeyringMalformed.
    """
    if VARIABLE in environment:
        return parse(environment[VARIABLE])
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of the very file that is read
            data = file.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        raise KeyringMissing(f"{FILE_NAME} is not in the data folder: restore it, or set {VARIABLE}.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyringExposed(f"Others may read {FILE_NAME}: set its mode to 0600, and think about new keys.")
    return parse(data.decode(errors="replace"))


def write(keyring: Keyring, *, folder: Path) -> None:
    """Write the keys in place of those in keys.json: whole and durable, or not at all, never readable by others."""
    _written_beside(keyring, folder=folder).replace(folder / FILE_NAME)
    _make_names_durable(folder)


def _written_beside(keyring: Keyring, *, folder: Path) -> Path:
    partial = folder / f"{FILE_NAME}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text_of(keyring).reveal())
        file.flush()
        os.fsync(file.fileno())
    return partial


def _make_names_durable(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name survives a power cut as well
    finally:
        os.close(directory)


def text_of(keyring: Keyring) -> Personal[str]:
    """Return the keys as the JSON text that `parse` reads, as a value that does not print."""
    content = {
        "format": FORMAT,
        "lookup": keyring.lookup.hex(),
        "signing": {key_id: key.hex() for key_id, key in keyring.signing.items()},
        "signing_id": keyring.signing_id,
        "what": "mingqu keys",
        "wrapping": {key_id: key.hex() for key_id, key in keyring.wrapping.items()},
        "wrapping_id": keyring.wrapping_id,
    }
    return Personal(json.dumps(content, indent=1))


def parse(text: str) -> Keyring:
    """Return the keys that a text holds. Errors: KeyringMalformed, which tells nothing of the text."""
    try:
        content = json.loads(text)
        if content["what"] != "mingqu keys" or content["format"] != FORMAT:
            raise ValueError
        keyring = Keyring(
            wrapping=_keys(content["wrapping"]),
            wrapping_id=content["wrapping_id"],
            signing=_keys(content["signing"]),
            signing_id=content["signing_id"],
            lookup=_key(content["lookup"]),
        )
        if keyring.wrapping_id not in keyring.wrapping or keyring.signing_id not in keyring.signing:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise KeyringMalformed(f"The keys do not read as keys of format {FORMAT}: restore them.") from None
    return keyring


def _keys(content: Mapping[str, str]) -> Mapping[str, bytes]:
    return MappingProxyType({key_id: _key(key) for key_id, key in content.items()})


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _fresh_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _fresh_id() -> str:
    return secrets.token_hex(_KEY_ID_BYTES)
