"""Events of an incident, as the history holds them."""

import re
from typing import Any

from lbrouter.model.messages.message import Message, joined, told
from lbrouter.model.messages.sentences import COUNTED_NOUNS, REASON_SENTENCES
from lbrouter.model.timeline import TimelineEvent


def event(
    kind: str, subject: str, second: int, *, incident: str = "7", **more: Any
) -> TimelineEvent:
    return {
        "at": f"2026-11-24T13:14:{second:02}.250Z",
        "kind": kind,
        "subject": subject,
        "text": f"{subject}: something",
        "incident": incident,
        "more": {key.rstrip("_"): value for key, value in more.items()},
    }


def uplink_event(
    name: str, second: int, after: str, reason: str = "", **more: Any
) -> TimelineEvent:
    data = parsed(reason).as_json()
    return event("uplink", name, second, after=after, reason=reason, reason_data=data, **more)


def parsed(text: str) -> Message:
    """The message that `text` is the English sentence of; its figures stay words."""
    whole = _parsed_sentence(text)
    return whole or joined([_parsed_sentence(each) or told(each) for each in text.split("; ")])


def _parsed_sentence(text: str) -> Message | None:
    for code, sentences in REASON_SENTENCES.items():
        for sentence in sentences:
            parts, pattern = re.split(r"\{(\w+)\}", sentence), ""
            for index, each in enumerate(parts):
                place = f"(?P={each})" if f"<{each}>" in pattern else f"(?P<{each}>[^;]+?)"
                pattern += place if index % 2 else re.escape(each)
            match = re.fullmatch(pattern, text)
            if match is not None and sentence != "{why}":
                values = {name: _number(name, word) for name, word in match.groupdict().items()}
                return Message(code=code, values=values)
    return None


def _number(name: str, text: str) -> str | int:
    return int(text.split(maxsplit=1)[0]) if name in COUNTED_NOUNS else text


def move_event(policy: str, second: int, old: str, new: str, *, stayed: str = "") -> TimelineEvent:
    return event(
        "move", policy, second, from_=old.split(), to=new.split(), stayed=stayed.split()
    )  # fmt: skip


LOSSY_INCIDENT = [
    uplink_event("fiber", 3, "degraded", "loss 12 % > 2 % (show)"),
    move_event("show", 4, "fiber", "lte", stayed="guests"),
]
