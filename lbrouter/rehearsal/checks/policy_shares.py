"""Acts on traffic: who carries the new flows of each policy, and what each VLAN reaches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from lbrouter.model.config import PolicyMode, Protocol
from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.analysis.expected import Shares, Way, expected_shares, policy_for, ways
from lbrouter.rehearsal.checks.context import (
    AT_ONCE,
    PATIENCE_MS,
    Stage,
    errors_of,
    failed_at_once,
    percent,
    tally,
)
from lbrouter.rehearsal.lab.hosts import Client, Target
from lbrouter.rehearsal.lab.layout import SERVERS, TALK_PORT
from lbrouter.rehearsal.lab.process import Row
from lbrouter.rehearsal.report.tables import Check, judge

SHARES = "shares of new flows"
REACH = "reachability of the internet"
CLIENTS = 120
"""New clients for each policy and family: enough where a client stays on its uplink."""

ONE_WAY = 11
"""One-way flows from each VLAN. Odd, or a gateway that deals out packets in turn would deal each
flow's packets to the same uplink by chance."""


def by_policy(stage: Stage) -> Mapping[tuple[str, int], list[Way]]:
    """Every way into each policy, in each family."""
    found: dict[tuple[str, int], list[Way]] = defaultdict(list)
    for way in ways(stage.venue.site):
        found[way.policy, way.version].append(way)
    return found


def shares(stage: Stage) -> Iterator[Check]:
    """New flows of each policy and family, their bytes, and one-way datagrams."""
    stage.venue.internet.clear()
    for (name, version), found in by_policy(stage).items():
        stage.progress(f"new flows of policy {name}, IPv{version}")
        expected = expected_shares(stage.config, stage.config.policies[name], stage.able(version))
        before = _bytes(stage)
        rows = stage.flows(found, expected, count=stage.options.flows, clients=CLIENTS)
        carried = {uplink: total - before[uplink] for uplink, total in _bytes(stage).items()}
        subject = f"{name}, IPv{version}"
        if expected:
            yield _share_row(
                stage, subject, expected, carried, rows, allowed=_allowed(stage, name, rows)
            )
        else:
            yield no_way(SHARES, subject, rows)
    yield _loyal(stage)
    yield _sources(stage)


def _bytes(stage: Stage) -> dict[str, int]:
    return {name: sum(isp.bytes()) for name, isp in stage.venue.isps.items()}


def _allowed(stage: Stage, name: str, rows: Sequence[Row]) -> float:
    """How far a share may be off: two points, and one draw more or less.

    A policy with sticky clients draws once for each client, else once for each flow.
    """
    policy = stage.config.policies[name]
    sticky = policy.mode is PolicyMode.BALANCE and policy.sticky
    return 0.02 + 1 / len({row["source"] if sticky else row["flow"] for row in rows})


def _share_row(
    stage: Stage,
    subject: str,
    expected: Shares,
    carried: Mapping[str, int],
    rows: Sequence[Row],
    *,
    allowed: float,
) -> Check:
    counts, errors = stage.carriers(rows), errors_of(rows)
    flows = {name: counts[name] / max(1, counts.total()) for name in (*expected, *counts)}
    total = sum(carried.values()) or 1
    sizes = {name: carried[name] / total for name in expected}
    close = all(abs(flows[name] - expected.get(name, 0)) <= allowed for name in flows)
    near = all(abs(sizes[name] - expected[name]) <= allowed + 0.03 for name in expected)
    seen = f"{percent(flows, digits=1)} of {counts.total()} flows; bytes {percent(sizes, digits=1)}"
    return judge(
        SHARES,
        subject,
        expected=percent(expected, digits=1),
        seen=f"{seen}; failed: {tally(errors)}" if errors else seen,
        ok=close and near and not errors,
    )


def no_way(act: str, subject: str, rows: Sequence[Row]) -> Check:
    """The row for flows that have no uplink: they must be told so, never wait."""
    seen = tally(errors_of(rows)) or "it works"
    return judge(act, subject, expected="refused at once", seen=seen, ok=failed_at_once(rows))


def _loyal(stage: Stage) -> Check:
    """One-way datagrams have no reply that would settle their flow: they must not be split."""
    stage.progress("one-way datagrams")
    clients = list(_first_clients(stage))
    jobs = [
        client.traffic("udp", version=version, count=ONE_WAY, packets=5, echo=False, interval_ms=10)
        for client, version in clients
    ]
    stage.venue.together(jobs)
    sources: dict[str, set[str]] = defaultdict(set)
    for row in stage.venue.internet.log():
        sources[row["flow"]].add(row["source"])
    split = sum(len(each) > 1 for each in sources.values())
    heard = sum("-udp-" in flow for flow in sources)
    return judge(
        SHARES,
        "a flow stays on its uplink",
        expected="0 split",
        seen=f"{split} split of {len(sources)} flows, {heard} of them one-way datagrams",
        ok=not split and heard > 0,
    )


def _first_clients(stage: Stage) -> Iterator[tuple[Client, int]]:
    """The first client of each VLAN, for each family in which it has a way out."""
    for segment in stage.venue.site.segments:
        client = stage.venue.client(segment.name)
        for server in SERVERS:
            name = policy_for(stage.config, segment.name, Protocol.UDP, server, TALK_PORT)
            able = stage.able(server.version)
            way_out = expected_shares(stage.config, stage.config.policies[name], able)
            if client.seat.of(server.version) and way_out:
                yield client, server.version


def _sources(stage: Stage) -> Check:
    """No provider may see another uplink's address, or a client's own."""
    strays = {name: isp.strays() for name, isp in stage.venue.isps.items()}
    wrong = {name: count for name, count in strays.items() if count}
    return judge(
        SHARES,
        "sources that the providers see",
        expected="each uplink's own address",
        seen=f"wrong: {tally(wrong)}" if wrong else "no other",
        ok=not wrong,
    )


def reachability(stage: Stage) -> Iterator[Check]:
    """From each VLAN, in each of its families, by TCP, UDP and ICMP."""
    stage.progress("the internet from every VLAN")
    for segment in stage.venue.site.segments:
        client = stage.venue.client(segment.name)
        for server in SERVERS:
            if not client.seat.of(server.version):
                continue
            knocks = [("tcp", TALK_PORT), ("udp", TALK_PORT), ("icmp", 0)]
            targets = [Target(to=server, protocol=word, port=port) for word, port in knocks]
            answers = {
                row["protocol"]: row["answer"]
                for row in client.scan(targets, timeout_ms=PATIENCE_MS)
            }
            expected = {word: _promise(stage, segment.name, server, word) for word in answers}
            yield judge(
                REACH,
                f"{segment.name}, IPv{server.version}",
                expected=_words(expected),
                seen=_words(answers),
                ok=all(answers[word] in _meaning(expected[word]) for word in expected),
            )


def _promise(stage: Stage, vlan: str, server: IpAddress, word: str) -> str:
    """Whether a flow has an uplink at all ("open"), or must be refused."""
    icmp = Protocol.ICMP if server.version == 4 else Protocol.ICMPV6
    protocol = icmp if word == "icmp" else Protocol(word)
    name = policy_for(stage.config, vlan, protocol, server, 0 if word == "icmp" else TALK_PORT)
    able = stage.able(server.version)
    return "open" if expected_shares(stage.config, stage.config.policies[name], able) else "refused"


def _meaning(promise: str) -> frozenset[str]:
    return frozenset({"open"}) if promise == "open" else AT_ONCE


def _words(answers: Mapping[str, str]) -> str:
    """The answers in words, all in one where they agree."""
    if len(set(answers.values())) == 1:
        return f"{'/'.join(answers)} {next(iter(answers.values()))}"
    return ", ".join(f"{word} {answer}" for word, answer in answers.items())
