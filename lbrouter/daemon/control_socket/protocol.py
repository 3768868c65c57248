"""The protocol of the control socket: a line of JSON in, a line of JSON out (docs/daemon.md).

A request is an object with "verb" and the parameters of the verb. An order may say who gave it:
"by": {"name", "address"}; else it is the user of the peer.
An answer is {"ok": true, "result": ...} or {"ok": false, "code", "error", "remedy"}, where the code
is that of the command (contract, section 2). An error with "question" is one that a person may
answer: the same request with "yes": true does it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.config.size_limit import MAX_CONFIG_BYTES
from lbrouter.model.errors import (
    ConfigError,
    ConfirmationNeededError,
    DefectError,
    ExitCode,
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
    UsageError,
)
from lbrouter.model.messages.message import parse_phrase
from lbrouter.model.messages.operator import ITSELF, Operator, parse_operator
from lbrouter.model.messages.phrase import phrase, phrase_document

Document = dict[str, Any]

MAX_READER_REQUEST_BYTES: Final = 16 * 1024
"""Bytes of a request by a user who may only read."""

MAX_ROOT_REQUEST_BYTES: Final = 6 * MAX_CONFIG_BYTES + MAX_READER_REQUEST_BYTES
"""Bytes of a request by root: a configuration, each byte of which JSON may write as six."""

CONTROL_REPLY_TIMEOUT_S: Final = 60.0
"""For an answer: an apply of a large file takes seconds, a stopped daemon never answers."""

DAEMON_NOT_ANSWERING: Final = "The daemon does not answer."
DAEMON_CLOSED_WHY: Final = "The daemon closed the connection."
DAEMON_RESTART_REMEDY: Final = (
    "systemctl restart lbrouter, or look at its messages: journalctl -u lbrouter"
)
SOCKET_REFUSED_WHY: Final = "The daemon's socket cannot be opened: permission denied."

STREAM_VERBS: Final = frozenset({"follow", "watch"})
"""Verbs that get many answers."""

READ_ONLY_VERBS: Final = (
    frozenset({"status", "events", "ping", "why", "config", "precheck"}) | STREAM_VERBS
)
"""Verbs that change nothing."""

OPERATOR_VERBS: Final = frozenset(
    {"drain", "restore", "pin", "limit", "block", "unblock", "confirm", "rollback"}
)
"""Verbs that a member of the operators' group may use as well: no file comes into force by them."""

ERRORS_BY_CODE: Final[Mapping[int, type[LbrouterError]]] = {
    int(kind.code): kind
    for kind in (
        UsageError,
        UnavailableError,
        DefectError,
        NotAppliedError,
        NotPermittedError,
        ConfigError,
    )
}


def control_socket_path(runtime_dir: Path) -> Path:
    """Where the daemon of `runtime_dir` listens."""
    return runtime_dir / "control.sock"


def encode_line(document: Mapping[str, Any]) -> bytes:
    """A document as one line of JSON."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def parse_request(text: bytes) -> Document:
    """The request in a line. Raises UsageError where it is no valid request."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("A request is one line of JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("verb"), str):
        raise UsageError('A request is a JSON object with a "verb".')
    return found


def string_field(asked: Document, key: str, *, default: str | None = None) -> str:
    """A string of the request; not empty, unless `default` says so. Raises UsageError."""
    found = asked.get(key, default)
    if not isinstance(found, str) or not (found or default == ""):
        raise UsageError(phrase('The request needs "{key}", a string.', key=key))
    return found


def int_field(asked: Document, key: str, *, default: int) -> int:
    """A whole number of the request. Raises UsageError."""
    found = asked.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise UsageError(phrase('"{key}" is a whole number that is not negative.', key=key))
    return found


def flag_field(asked: Document, key: str) -> bool:
    """Whether `key` is set in the request; absent means no. Raises UsageError."""
    found = asked.get(key, False)
    if not isinstance(found, bool):
        raise UsageError(phrase('"{key}" is true or false.', key=key))
    return found


def operator_of(asked: Document) -> Operator:
    """Who gives the order: the server has written it into the request."""
    return parse_operator(asked.get("by"), ITSELF)


def ok_response(result: Any) -> Document:
    """The answer to a request that was carried out."""
    return {"ok": True, "result": result}


def error_response(error: LbrouterError) -> Document:
    """The answer to a request that was not."""
    texts = {"error": error.message, "remedy": error.remedy}
    if isinstance(error, ConfirmationNeededError):
        texts["question"] = error.question
    phrases = {f"{key}_data": phrase_document(text) for key, text in texts.items() if text}
    return {"ok": False, "code": int(error.code), **texts, **phrases}


def result_or_raise(answer: Document) -> Any:
    """The result in an answer. An error in it is raised as the class that it had in the daemon."""
    if answer.get("ok") is True:
        return answer.get("result")
    message = _text_of(answer, "error") or "no reason given"
    remedy = _text_of(answer, "remedy")
    if "question" in answer:
        raise ConfirmationNeededError(message, question=_text_of(answer, "question"), remedy=remedy)
    kind = ERRORS_BY_CODE.get(int(answer.get("code", ExitCode.DEFECT)), DefectError)
    raise kind(message, remedy=remedy)


def _text_of(answer: Document, key: str) -> str:
    """A text of an answer, a phrase where the daemon sent its data; "" where there is none."""
    try:
        return parse_phrase(answer[f"{key}_data"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return str(answer.get(key, ""))
