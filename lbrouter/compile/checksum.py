"""The checksum of IP, ICMP, UDP and TCP."""

from struct import unpack


def internet_checksum(data: bytes) -> int:
    """RFC 1071. Data of odd length counts as if a zero byte followed."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
