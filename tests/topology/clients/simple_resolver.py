"""A resolver that has the same address for every name. Run by its path in a namespace.

simple_resolver.py LISTEN-ADDRESS ANSWER
"""

import socket
import struct
import sys

TYPE_A = b"\x00\x01"


def answer(query: bytes, address: bytes) -> bytes:
    """No error; one record where an IPv4 address was asked for."""
    end = 12
    while query[end]:
        end += 1 + query[end]
    question = query[12 : end + 5]
    records = 1 if question[-4:-2] == TYPE_A else 0
    header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, records, 0, 0)
    record = b"\xc0\x0c" + TYPE_A + struct.pack("!HIH", 1, 1, 4) + address
    return header + question + record * records


if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((sys.argv[1], 53))
        print('"ready"', flush=True)
        while True:
            data, sender = opened.recvfrom(2048)
            opened.sendto(answer(data, socket.inet_aton(sys.argv[2])), sender)
