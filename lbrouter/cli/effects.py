"""The programs beside the kernel, as the verbs use them: plan, apply, down, check."""

from collections.abc import Iterator
from pathlib import Path

from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.services import dnsmasq as compiled
from lbrouter.compile.services.pppd import pppoe_uplinks
from lbrouter.kernel import pppoe
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import as_phrase, joined_phrases, phrase
from lbrouter.model.plan import Plan
from lbrouter.services import dnsmasq, lane_keys, mdns_reflector, pppd, pppd_start, secrets
from lbrouter.services.dnsmasq import Dnsmasq


def dnsmasq_service(settings: CommandSettings) -> Dnsmasq:
    """The gateway's dnsmasq, by the directories of the command line."""
    return Dnsmasq(settings.runtime_dir, settings.state_dir)


def combined_plan(kernel: Plan, services: Plan) -> Plan:
    """Both, in the order in which an apply carries them out."""
    return Plan(operations=kernel.operations + services.operations)


def warnings(config: Config) -> Iterator[str]:
    """What `check`, `plan` and `apply` warn of, and go on."""
    if pppd.missing_reason(config):
        reason = as_phrase(pppd.missing_reason(config))
        yield joined_phrases(" ", (reason, pppd_start.PPPD_INSTALL_REMEDY))
    if pppoe_uplinks(config) and not pppoe.available():
        yield joined_phrases(" ", (pppoe.PPPOE_MISSING, pppoe.PPPOE_REMEDY))
    yield from filter(None, map(secrets.password_error, pppoe_uplinks(config)))
    if mdns_reflector.missing_reason(config):
        yield phrase(
            "{reason} {remedy}",
            reason=as_phrase(mdns_reflector.missing_reason(config)),
            remedy=as_phrase(mdns_reflector.AVAHI_INSTALL_REMEDY),
        )
    yield from filter(None, (secrets.webhook_error(config),))
    if dnsmasq.missing_reason(config):
        reason = as_phrase(dnsmasq.missing_reason(config))
        yield joined_phrases(" ", (reason, dnsmasq.DNSMASQ_INSTALL_REMEDY))
    elif compiled.is_wanted(config):
        said = dnsmasq.config_error(compiled.config_text(config))
        if said:
            yield phrase("dnsmasq refuses its file: {said}", said=said)


def lane_warnings(config: Config, state_dir: Path) -> Iterator[str]:
    """Keys of a lane that cannot be used: it waits, and the policies' other lines serve."""
    for lane in config.lanes():
        wrong = lane_keys.keys_error(lane, state_dir)
        if wrong:
            yield wrong
