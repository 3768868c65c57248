"""`lbrouter events`: the timeline, from the daemon, or from its history where none runs."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from lbrouter.cli.render import note, say
from lbrouter.cli.settings import Settings
from lbrouter.daemon import client
from lbrouter.daemon.history import recent
from lbrouter.model.errors import Exit, NotAppliedError, UnavailableError


async def events(settings: Settings, *, limit: int, follow: bool) -> int:
    """The last `limit` events, oldest first, then with `follow` those to come.

    With JSON one object a line: {"at", "kind", "subject", "text", "incident", "more"}.
    """
    for each in await _past(settings, limit):
        _print(each, settings)
    if follow:
        async for each in client.follow(settings.runtime_dir, {"verb": "follow"}):
            _print(each, settings)
        raise UnavailableError(
            "No daemon runs, or it has ended.", remedy="systemctl start lbrouter"
        )
    return Exit.DONE


async def _past(settings: Settings, limit: int) -> Iterable[dict[str, Any]]:
    with suppress(NotAppliedError):
        asked = {"verb": "events", "limit": limit}
        found = await client.ask(settings.runtime_dir, asked, patience_s=5)
        if found is not None:
            return list(found["events"])
    note("note: no daemon runs; this is what it has left")
    return [each.as_json() for each in recent(settings.state_dir, limit=limit)]


def _print(entry: dict[str, Any], settings: Settings) -> None:
    if settings.json:
        say(json.dumps(entry, ensure_ascii=False))
    else:
        say(f"{entry['at']}  {entry['incident'] or '-':<6}  {entry['kind']:<9}  {entry['text']}")
