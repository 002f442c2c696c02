"""Ed25519 by OpenSSL's libcrypto, which Python's own ``ssl`` brings along: no package and no program is needed."""

from __future__ import annotations

import base64
import binascii
import ctypes
import hashlib
import re
from functools import cache

from firmware_py.errors import BadInput, Unavailable

EVP_PKEY_ED25519 = 1087
"""``NID_ED25519`` of ``openssl/obj_mac.h``."""
DER_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo of an Ed25519 key, up to its 32 bytes (RFC 8410, section 10.1)."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64
LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")


def public_key(pem: str) -> bytes:
    """The 32 bytes of a public key as ``openssl pkey -pubout`` writes it. Raises BadInput."""
    found = re.search(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----", pem)
    try:
        der = base64.b64decode(found.group(1), validate=False) if found else b""
    except binascii.Error:
        der = b""
    if not der.startswith(DER_PREFIX) or len(der) != len(DER_PREFIX) + KEY_BYTES:
        raise BadInput("not an Ed25519 public key in PEM form ('openssl pkey -pubout' writes one)")
    return der[len(DER_PREFIX) :]


def fingerprint(key: bytes) -> str:
    """What to compare by eye: the first half of the key's sha256."""
    return hashlib.sha256(key).hexdigest()[:32]


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the owner of ``key`` (32 bytes) signed exactly ``message``. Raises Unavailable without libcrypto."""
    crypto = _crypto()
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    pkey = crypto.EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, None, key, len(key))
    context = crypto.EVP_MD_CTX_new()
    try:
        if not pkey or not context or crypto.EVP_DigestVerifyInit(context, None, None, None, pkey) != 1:
            return False
        return int(crypto.EVP_DigestVerify(context, signature, len(signature), message, len(message))) == 1
    finally:
        crypto.EVP_MD_CTX_free(context)
        crypto.EVP_PKEY_free(pkey)


@cache
def _crypto() -> ctypes.CDLL:
    for name in LIBRARIES:
        try:
            crypto = ctypes.CDLL(name)
        except OSError:
            continue
        pointer, size, data = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
        crypto.EVP_PKEY_new_raw_public_key.restype = pointer
        crypto.EVP_PKEY_new_raw_public_key.argtypes = [ctypes.c_int, pointer, data, size]
        crypto.EVP_MD_CTX_new.restype = pointer
        crypto.EVP_DigestVerifyInit.argtypes = [pointer] * 5
        crypto.EVP_DigestVerify.argtypes = [pointer, data, size, data, size]
        crypto.EVP_MD_CTX_free.argtypes = crypto.EVP_PKEY_free.argtypes = [pointer]
        return crypto
    raise Unavailable(f"no {' or '.join(LIBRARIES)}: the signature cannot be checked (apt install libssl3)")
