"""The nft table in the kernel: read back, checked, loaded, through libnftables in this process.

Measured facts that shape this file: a context serves one command (libnftables 1.0.6 corrupts the
heap on a second run with variables); a refused script leaves the old table; the table is flushed
and refilled, never deleted and added again, since a drop policy does not hold in between.
"""

import ctypes
import errno
import json
import re
import threading
from contextlib import suppress
from hashlib import sha256
from tempfile import NamedTemporaryFile
from typing import Any, Final, cast

from lbrouter.compile.firewall.ruleset import digest
from lbrouter.kernel.netlink.nft_author import register_author
from lbrouter.kernel.objects.nft_elements import elements_from_json
from lbrouter.kernel.objects.nft_script import (
    DYNAMIC_SET_PREFIXES,
    LOGIN_MAP,
    NFT_TABLE_SPEC,
    SEAL_PREFIX,
    SIDE_TABLE_SPECS,
    element_change_script,
    removal_script,
    replacement_script,
)
from lbrouter.model.errors import (
    DefectError,
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.kernel_state import NftElements, NftTable
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.plan import Operation

UNSEALED: Final = "unsealed"
"""Structure of a table without a valid seal: a load was interrupted, or it was altered by hand."""

_ONE_COMMAND: Final = threading.Lock()
"""libnftables asks libc for names in ways that two threads must not at once."""

SET_PATTERN = re.compile(r"^\t(?P<kind>set|map) (?P<name>\S+) \{$", re.MULTILINE)
CHAIN_PATTERN = re.compile(r"^\tchain (?P<name>\S+) \{$", re.MULTILINE)
SEAL_CHAIN_PATTERN = re.compile(
    rf"\n?\tchain {SEAL_PREFIX}(?P<asked>[0-9a-f]+)_(?P<seen>[0-9a-f]+) \{{\n\t\}}\n"
)


def observe_table() -> NftTable | None:
    """The table as it stands, without its script; None where there is none."""
    listing = _list_table()
    if listing is None:
        return None
    # The digest of the script that made this table, if its seal is whole.
    seal = SEAL_CHAIN_PATTERN.search(listing)
    whole = seal is not None and seal["seen"] == _listing_digest(listing)
    structure = seal["asked"] if seal is not None and whole else UNSEALED
    # Elements of the static sets and maps; packets fill the dynamic ones. One listing of the
    # whole table: of several `list map` in one command, libnftables 1.0.6 finds the first
    # alone, and a context for each would cost 6 ms.
    wanted = [
        name
        for _, name in SET_PATTERN.findall(listing)
        if not name.startswith((*DYNAMIC_SET_PREFIXES, LOGIN_MAP))
    ]
    specs = [s for s in (NFT_TABLE_SPEC, *SIDE_TABLE_SPECS) if f"table {s} {{" in listing]
    bodies = [
        item.get("set") or item.get("map")
        for spec in specs
        for item in _run_json(f"list table {spec}")
    ]
    by_name = {body["name"]: body.get("elem", ()) for body in bodies if body is not None}
    return NftTable(
        structure=structure,
        elements={name: elements_from_json(by_name.get(name, ())) for name in wanted},
    )


def is_loaded() -> bool:
    """Whether our firewall stands. A table beside it may be left where it was deleted."""
    return _list_one(NFT_TABLE_SPEC) is not None


def execute(operation: Operation) -> None:
    """Carry `operation` out in one transaction; a refused one leaves the table as it was.

    The structure is loaded only where it changes: an unsealed table has elements, and no script.
    """
    old, new = cast("NftTable | None", operation.old), cast("NftTable | None", operation.new)
    if new is None:
        beside = [spec for spec in SIDE_TABLE_SPECS if _list_one(spec) is not None]
        _run(removal_script([NFT_TABLE_SPEC, *beside]))
    elif old is not None and old.structure == new.structure:
        _run(element_change_script(old.elements, new.elements))
    else:
        # Replace the structure, then seal what the kernel made of it.
        if not new.script:
            raise DefectError(
                "there is no script for the firewall as it was found",
                remedy="Run `lbrouter apply`: it loads the firewall that the file describes.",
            )
        _run(replacement_script(new, *_object_names(_list_table() or "")))
        listing_digest = _listing_digest(_list_table() or "")
        _run(f"add chain {NFT_TABLE_SPEC} {SEAL_PREFIX}{digest(new.script)}_{listing_digest}")


def send_client_by(mac: str, number: int, for_s: int) -> None:
    """New flows of the client with this hardware address go by uplink `number`, for so long.

    What was said of that client before ends. Raises NotAppliedError where there is no table.
    """
    with suppress(LbrouterError):  # it was not there before
        _run(f"delete element {NFT_TABLE_SPEC} {LOGIN_MAP} {{ {mac} }}")
    verdict = f"goto assign_mark_{number}"
    _run(f"add element {NFT_TABLE_SPEC} {LOGIN_MAP} {{ {mac} timeout {for_s}s : {verdict} }}")


def check(table: NftTable) -> None:
    """Dry-run: would the kernel take this table? Raises what `execute` would raise."""
    names = _object_names(_list_table() or "")
    _run(replacement_script(table, *names), dry=True)


def read_set(name: str) -> NftElements:
    """The elements of one set of ours, of those that packets fill too; none where it is not there.

    Raises LbrouterError.
    """
    nft = _context()
    nft.set_json_output(True)
    command = f"list set {NFT_TABLE_SPEC} {name}"
    code, output, error = _command(nft, command)
    if code != 0:
        if "No such file or directory" in error:
            return frozenset()
        raise _error_for(error, command)
    bodies = (item["set"] for item in json.loads(output)["nftables"] if "set" in item)
    return frozenset(
        element for body in bodies for element in elements_from_json(body.get("elem", ()))
    )


def _listing_digest(listing: str) -> str:
    """Digest of the kernel's own listing, its seal aside."""
    return sha256(SEAL_CHAIN_PATTERN.sub("", listing).encode()).hexdigest()[:16]


def _object_names(listing: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Sets and maps as (kind, name), and chains, of a listing."""
    return SET_PATTERN.findall(listing), CHAIN_PATTERN.findall(listing)


def _list_table() -> str | None:
    """The table and those beside it as nft prints them, without counters and elements.

    None where there is none.
    """
    tables = [_list_one(spec) for spec in (NFT_TABLE_SPEC, *SIDE_TABLE_SPECS)]
    listings = [table for table in tables if table is not None]
    return "".join(listings) if listings else None


def _list_one(spec: str) -> str | None:
    nft = _context()
    nft.set_stateless_output(True)
    nft.set_terse_output(True)
    code, output, error = _command(nft, f"list table {spec}")
    if code == 0:
        return output
    if "No such file or directory" in error:
        return None
    raise _error_for(error, f"list table {spec}")


def _run_json(command: str) -> list[dict[str, Any]]:
    nft = _context()
    nft.set_json_output(True)
    code, output, error = _command(nft, command)
    if code != 0:
        raise _error_for(error, command)
    return cast("list[dict[str, Any]]", json.loads(output)["nftables"])


def _run(script: str, *, dry: bool = False) -> None:
    if not script:
        return
    nft = _context()
    if dry:
        # Dry-run flag of the context: the binding of 1.0.2 has no method for it.
        name = "_Nftables__ctx"
        library = ctypes.CDLL("libnftables.so.1")
        library.nft_ctx_set_dry_run.argtypes = (ctypes.c_void_p, ctypes.c_bool)
        library.nft_ctx_set_dry_run(getattr(nft, name), ctypes.c_bool(1))
    else:
        register_author()
    # By file: from a string, libnftables points its errors at the wrong lines.
    with NamedTemporaryFile("w", prefix="lbrouter-", suffix=".nft") as file:
        file.write(script)
        file.flush()
        code, _, error = _command(nft, f'include "{file.name}"')
    if code != 0:
        raise _error_for(error, script)


def _command(nft: Any, text: str) -> tuple[int, str, str]:
    """The return code, the output and the error of one command."""
    with _ONE_COMMAND:
        return cast("tuple[int, str, str]", nft.cmd(text))


def _context() -> Any:
    """A fresh libnftables context: it acts in the network namespace of the calling thread."""
    try:
        from nftables import Nftables  # noqa: PLC0415  -- costs start-up time that `--help` does not need
    except ImportError as reason:
        raise _missing_library_error(str(reason)) from reason
    try:
        return Nftables()
    except OSError as reason:
        raise _missing_library_error(str(reason)) from reason


def _missing_library_error(reason: str) -> UnavailableError:
    return UnavailableError(
        phrase("libnftables cannot be loaded: {reason}", reason=reason),
        remedy="Install Debian's package libnftables1.",
    )


def _error_for(error: str, script: str) -> Exception:
    """The error for what nft said of `script`."""
    text = error.strip() or phrase("nft refused without a message: {script}", script=script[:200])
    if "Operation not permitted" in text:
        return NotPermittedError("nft: operation not permitted", remedy="Run it as root.")
    if "Operation not supported" in text or "Could not process rule: No such file" in text:
        lack = "this kernel's nftables lacks something that the ruleset needs"
        return UnavailableError(phrase("{lack}:\n{text}", lack=as_phrase(lack), text=text))
    if any(word in text for word in ("Device or resource busy", "Interrupted")):
        return OSError(errno.EBUSY, text)
    return NotAppliedError(
        phrase("nft refused the ruleset:\n{text}", text=text),
        remedy="The old ruleset is still loaded.",
    )
