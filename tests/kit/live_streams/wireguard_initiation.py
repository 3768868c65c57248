"""The first message of WireGuard's handshake, with a time of ours in it.

As in the paper "WireGuard: Next Generation Kernel Network Tunnel" (Donenfeld, 2020), 5.4.2; the
encryption is that of RFC 8439. A relay that accepted a time in the future refuses all others.
"""

import hashlib
import hmac
import os
import struct
from base64 import b64decode

from lbrouter.compile.relay.x25519 import BASE_POINT, multiplied

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
MAC1_LABEL = b"mac1----"
TAI64_EPOCH = 0x400000000000000A
INITIATION_TYPE = 1
POLY1305_PRIME = 2**130 - 5
POLY1305_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
QUARTER_ROUNDS = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)


def initiation(private_key: str, relay_key: str, at: float) -> bytes:
    """The message of the owner of `private_key`, made at `at` (seconds of the wall clock)."""
    own, theirs = b64decode(private_key), b64decode(relay_key)
    own_public, once = multiplied(own, BASE_POINT), os.urandom(32)
    once_public = multiplied(once, BASE_POINT)
    chain = _hash(CONSTRUCTION)
    digest = _hash(_hash(_hash(chain + IDENTIFIER) + theirs) + once_public)
    chain, _ = _derived(chain, once_public)
    chain, key = _derived(chain, _shared(once, theirs))
    static = _sealed(key, own_public, digest)
    digest = _hash(digest + static)
    _, key = _derived(chain, _shared(own, theirs))
    stamp = struct.pack(">QI", TAI64_EPOCH + int(at), 0)
    body = struct.pack("<II", INITIATION_TYPE, 1) + once_public + static
    body += _sealed(key, stamp, digest)
    mac1 = hashlib.blake2s(body, key=_hash(MAC1_LABEL + theirs), digest_size=16).digest()
    return body + mac1 + bytes(16)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2s(data).digest()


def _shared(private_key: bytes, public_key: bytes) -> bytes:
    return multiplied(private_key, int.from_bytes(public_key, "little") & (2**255 - 1))


def _derived(key: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Two keys of HKDF."""
    secret = hmac.digest(key, data, "blake2s")
    first = hmac.digest(secret, b"\1", "blake2s")
    return first, hmac.digest(secret, first + b"\2", "blake2s")


def _sealed(key: bytes, text: bytes, beside: bytes) -> bytes:
    """ChaCha20-Poly1305 of less than a block, with the counter 0 as nonce."""
    pad = _chacha_block(key, 1)
    sealed = bytes(a ^ b for a, b in zip(text, pad, strict=False))
    lengths = struct.pack("<QQ", len(beside), len(sealed))
    return sealed + _poly1305(
        _chacha_block(key, 0)[:32], _padded(beside) + _padded(sealed) + lengths
    )


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _poly1305(key: bytes, data: bytes) -> bytes:
    factor = int.from_bytes(key[:16], "little") & POLY1305_CLAMP
    total = 0
    for place in range(0, len(data), 16):
        block = int.from_bytes(data[place : place + 16] + b"\1", "little")
        total = (total + block) * factor % POLY1305_PRIME
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def _chacha_block(key: bytes, counter: int) -> bytes:
    state = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter]
    state += [0, 0, 0]
    mixed = list(state)
    for _ in range(10):
        for places in QUARTER_ROUNDS:
            _quarter_round(mixed, *places)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, mixed, strict=True)))


def _quarter_round(words: list[int], a: int, b: int, c: int, d: int) -> None:
    for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        words[first] = (words[first] + words[second]) & 0xFFFFFFFF
        mixed = words[third] ^ words[first]
        words[third] = (mixed << bits | mixed >> (32 - bits)) & 0xFFFFFFFF
