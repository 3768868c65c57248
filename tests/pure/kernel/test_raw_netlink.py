"""Netlink messages by hand: what is put together is taken apart, and nothing is read too far."""

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.kernel.netlink.codec import parse_attributes
from lbrouter.kernel.netlink.raw_socket import encode_attribute, encode_message, split_messages

MESSAGES = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=5)


@given(MESSAGES)
def test_messages_are_taken_apart_as_they_were_put_together(sent: list[tuple[int, bytes]]) -> None:
    data = b""
    for number, (kind, body) in enumerate(sent):
        message = encode_message(kind, body, flags=1, sequence=number)
        data += message + bytes(-len(message) % 4)
    found = [
        (each.kind, each.sequence, data[each.start : each.end]) for each in split_messages(data)
    ]
    assert found == [(kind, number, body) for number, (kind, body) in enumerate(sent)]


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40), max_size=5))
def test_attributes_are_taken_apart_as_they_were_put_together(wanted: dict[int, bytes]) -> None:
    data = b"".join(encode_attribute(number, content) for number, content in wanted.items())
    assert len(data) % 4 == 0
    assert dict(parse_attributes(data)) == wanted


@given(st.binary(max_size=200))
def test_random_bytes_end(data: bytes) -> None:
    starts = [each.start for each in split_messages(data)]
    assert starts == sorted(set(starts))
    list(parse_attributes(data))
