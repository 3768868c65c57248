"""An error over the control socket is the same error at the other end."""

import pytest

from lbrouter.daemon.control_socket.protocol import error_response, flag_field, result_or_raise
from lbrouter.model.errors import (
    ConfirmationNeededError,
    ExitCode,
    LbrouterError,
    NotAppliedError,
    UsageError,
)


@pytest.mark.parametrize("kind", [UsageError, NotAppliedError])
def test_an_error_keeps_its_class_and_words(kind: type[LbrouterError]) -> None:
    answer = error_response(kind("a is not there", remedy="name b"))
    assert "question" not in answer
    with pytest.raises(kind, match="a is not there") as raised:
        result_or_raise(answer)
    assert type(raised.value) is kind
    assert raised.value.remedy == "name b"


def test_a_question_comes_through() -> None:
    asked = ConfirmationNeededError("a is the last", question="Drain a?", remedy="say --yes")
    answer = error_response(asked)
    assert (answer["code"], answer["question"]) == (ExitCode.TRY_AGAIN, "Drain a?")
    with pytest.raises(ConfirmationNeededError) as raised:
        result_or_raise(answer)
    assert (raised.value.message, raised.value.question) == ("a is the last", "Drain a?")


def test_a_flag_is_true_or_false() -> None:
    assert flag_field({"yes": True}, "yes")
    assert not flag_field({"yes": False}, "yes")
    assert not flag_field({}, "yes")
    with pytest.raises(UsageError):
        flag_field({"yes": "no"}, "yes")
