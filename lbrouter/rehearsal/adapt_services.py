"""What rules, forwards and maps ask for that the lab does not have, each with a note. Pure."""

from lbrouter.model.config import Config, Forward, PolicyRule


def without_what_the_lab_lacks(config: Config) -> tuple[Config, list[str]]:
    """`config` as it can be rehearsed, and a note for each thing that is left out.

    The lab has no resolver of names, no hosts by the addresses of `source`, and providers that
    know each line's own address alone.
    """
    notes: list[str] = []
    rules: list[PolicyRule] = []
    for index, rule in enumerate(config.rules):
        if rule.source or (rule.names and not rule.networks):
            lacking = "its source" if rule.source else "names"
            notes.append(f"rules.{index}: left out, the lab has no hosts for {lacking}")
            continue
        rules.append(rule.model_copy(update={"to": rule.networks}))
    forwards: list[Forward] = []
    for index, forward in enumerate(config.forwards):
        if forward.sources:
            notes.append(f"forwards.{index}: rehearsed without `sources`, open to everybody")
        forwards.append(forward.model_copy(update={"sources": ()}))
    if config.maps:
        notes.append("maps: left out, the lab's providers send to each line's own address alone")
    gateway = config.gateway
    if gateway.mdns:
        notes.append("gateway.mdns: left out, the lab has no devices that announce themselves")
        gateway = gateway.model_copy(update={"mdns": ()})
    update = {"gateway": gateway, "rules": tuple(rules), "forwards": tuple(forwards), "maps": ()}
    return config.model_copy(update=update), notes
