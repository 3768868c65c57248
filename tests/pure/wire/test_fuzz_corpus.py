"""What a fuzzer found once is decoded again at each run, and so is nonsense by chance."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.fuzz_corpus import CORPUS, read_corpus
from tests.kit.fuzz_targets import FUZZ_TARGETS, FuzzTarget


@pytest.fixture(params=FUZZ_TARGETS, ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> FuzzTarget:
    found: FuzzTarget = request.param
    return found


def mutants(seed: bytes) -> Iterator[bytes]:
    """Each length that a cut leaves, and each byte turned, emptied and filled."""
    for at in range(len(seed)):
        yield seed[:at]
        for byte in (0, 255, seed[at] ^ 1, seed[at] ^ 128):
            yield seed[:at] + bytes((byte,)) + seed[at + 1 :]


def test_each_decoder_has_a_corpus(target: FuzzTarget) -> None:
    assert read_corpus(target.name), f"make fuzz FUZZ_ONLY={target.name}"
    assert {file.stem for file in CORPUS.iterdir()} <= {each.name for each in FUZZ_TARGETS}


def test_the_corpus_is_decoded_or_refused(target: FuzzTarget) -> None:
    for data in (*read_corpus(target.name), *target.seeds):
        target.run(data)


def test_what_is_nearly_right_is_decoded_or_refused(target: FuzzTarget) -> None:
    for seed in target.seeds:
        for data in mutants(seed):
            target.run(data)


@pytest.mark.parametrize("target", FUZZ_TARGETS, ids=lambda target: target.name)
@settings(max_examples=50)
@given(data=st.binary(max_size=400))
def test_nonsense_is_decoded_or_refused(target: FuzzTarget, data: bytes) -> None:
    target.run(data)


def test_a_decoder_that_raises_is_found() -> None:
    """The table itself: an error that no row names is not swallowed."""
    wrong = FuzzTarget(name="x", module="ipaddress", function="ip_address")
    with pytest.raises(ValueError, match="does not appear"):
        wrong.run(b"nonsense")
    refused = FuzzTarget(
        name="x", module="ipaddress", function="ip_address", refusals=(ValueError,)
    )
    refused.run(b"nonsense")
