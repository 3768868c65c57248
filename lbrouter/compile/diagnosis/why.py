"""`lbrouter why`: why a client has no internet. Pure: from facts to checks and one cause.

The checks stand in the order in which a person would look. The cause is the first of
`ClientCause` that one of them names: what makes others fail comes first.
"""

from typing import Final, TypedDict

from lbrouter.compile.diagnosis.client_checks import (
    ClientCause,
    ClientCheck,
    address_check,
    blocked_check,
    dns_check,
    duplicate_check,
    lease_check,
    port_check,
    seen_check,
)
from lbrouter.compile.diagnosis.client_facts import ClientFacts, GatewayView, locate
from lbrouter.compile.diagnosis.client_path_checks import (
    ipv6_check,
    limit_check,
    mtu_check,
    policy_check,
    portal_check,
)
from lbrouter.model.messages.message import MessageDocument

CLIENT_CHECKS: Final = (
    *(seen_check, lease_check, address_check, duplicate_check, dns_check, blocked_check),
    *(limit_check, policy_check, ipv6_check, portal_check, mtu_check, port_check),
)


class CheckDocument(TypedDict):
    """One check in JSON. `remedy` is "" where it is in order.

    `found_data` and `remedy_data` are what the sentences are made of.
    """

    name: str
    ok: bool
    found: str
    remedy: str
    found_data: MessageDocument
    remedy_data: MessageDocument | None


class WhyDocument(TypedDict):
    """The document of `lbrouter why --json`. `client` is what was asked for.

    `cause` is a `ClientCause`, null where all is in order. `vlan`, `mac` and `address` are null
    where they are not known.
    """

    client: str
    vlan: str | None
    mac: str | None
    address: str | None
    checks: list[CheckDocument]
    cause: str | None


def why_document(gateway: GatewayView, facts: ClientFacts) -> WhyDocument:
    """All checks that could be made, and the cause."""
    client = locate(gateway.config, facts)
    made = [check(gateway, client, facts) for check in CLIENT_CHECKS]
    checks = [check for check in made if check is not None]
    causes = {check.cause for check in checks}
    return {
        "client": facts.asked,
        "vlan": None if client.vlan is None else client.vlan.name,
        "mac": client.mac,
        "address": None if client.address is None else str(client.address),
        "checks": [_check_document(check) for check in checks],
        "cause": next((str(cause) for cause in ClientCause if cause in causes), None),
    }


def _check_document(check: ClientCheck) -> CheckDocument:
    return {
        "name": check.name,
        "ok": check.cause is None,
        "found": str(check.found),
        "remedy": "" if check.remedy is None else str(check.remedy),
        "found_data": check.found.as_json(),
        "remedy_data": None if check.remedy is None else check.remedy.as_json(),
    }
