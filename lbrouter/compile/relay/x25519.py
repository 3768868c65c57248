"""Public keys of WireGuard from private ones: X25519 (RFC 7748), for keys that are made once.

Not in constant time: it runs on the operator's own machine, once for each key, and never on what
comes from a network.
"""

from base64 import b64decode, b64encode
from typing import Final

FIELD_PRIME: Final = 2**255 - 19
CURVE_CONSTANT: Final = 121665
BASE_POINT: Final = 9
KEY_BYTES: Final = 32


def private_key_of(random: bytes) -> str:
    """32 random bytes as a private key, base64, with the bits set that RFC 7748 wants."""
    return b64encode(_clamped(random).to_bytes(KEY_BYTES, "little")).decode()


def public_key_of(private_key: str) -> str:
    """The public key, base64, of a private one, base64."""
    return b64encode(multiplied(b64decode(private_key), BASE_POINT)).decode()


def multiplied(private_key: bytes, point: int) -> bytes:
    """A private key times a point: of the base point it makes the public key."""
    product = _ladder(_clamped(private_key), point)
    return product.to_bytes(KEY_BYTES, "little")


def _clamped(raw: bytes) -> int:
    """RFC 7748, 5: the three lowest bits clear, the highest one clear, the next one set."""
    return int.from_bytes(raw, "little") & ~7 & (2**255 - 1) | 2**254


def _ladder(scalar: int, point: int) -> int:
    """The u coordinate of `scalar` times the point, by the Montgomery ladder of RFC 7748, 5."""
    x2, z2, x3, z3, swapped = 1, 0, point, 1, 0
    for position in range(254, -1, -1):
        bit = scalar >> position & 1
        if swapped != bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x2, z2, x3, z3 = (
            aa * bb % FIELD_PRIME,
            e * (aa + CURVE_CONSTANT * e) % FIELD_PRIME,
            (da + cb) ** 2 % FIELD_PRIME,
            point * (da - cb) ** 2 % FIELD_PRIME,
        )
    # The lowest bit of a clamped scalar is clear: nothing is left to be swapped.
    return x2 * pow(z2, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME
