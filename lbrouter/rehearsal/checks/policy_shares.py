"""Checks of traffic: which uplinks carry each policy's new flows, and what each VLAN reaches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from lbrouter.model.config import PolicyMode, Protocol
from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.analysis.expected import (
    TrafficPath,
    UplinkShares,
    expected_shares,
    policy_for,
    traffic_paths,
)
from lbrouter.rehearsal.analysis.fault_analysis import PROMPT_REFUSALS
from lbrouter.rehearsal.checks.context import (
    CLIENT_FLOW_TIMEOUT_MS,
    RehearsalContext,
    all_refused,
    count_errors,
    counts_text,
    shares_text,
)
from lbrouter.rehearsal.lab.hosts import ClientHost, ScanTarget
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT, INTERNET_SERVERS
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.report.tables import Check, check_row

SHARES_SECTION = "shares of new flows"
REACHABILITY_SECTION = "reachability of the internet"
SHARE_CHECK_CLIENTS = 120
"""New clients for each policy and family: enough where a client stays on its uplink."""

ONE_WAY_FLOW_COUNT = 11
"""One-way flows from each VLAN. Odd, or a gateway that sends packets by each uplink in
turn would send each flow's packets by the same uplink by chance."""


def paths_by_policy(context: RehearsalContext) -> Mapping[tuple[str, int], list[TrafficPath]]:
    """The paths of each policy, in each family."""
    by_policy: dict[tuple[str, int], list[TrafficPath]] = defaultdict(list)
    for path in traffic_paths(context.venue.layout):
        by_policy[path.policy, path.version].append(path)
    return by_policy


def check_shares(context: RehearsalContext) -> Iterator[Check]:
    """New flows of each policy and family, their bytes, and one-way datagrams."""
    context.venue.internet.clear_log()
    for (name, version), paths in paths_by_policy(context).items():
        context.progress(f"new flows of policy {name}, IPv{version}")
        expected = expected_shares(
            context.config, context.config.policies[name], context.usable_uplinks(version)
        )
        before = _bytes_by_uplink(context)
        rows = context.run_flows(
            paths, expected, count=context.options.flows_per_policy, clients=SHARE_CHECK_CLIENTS
        )
        carried = {
            uplink: total - before[uplink] for uplink, total in _bytes_by_uplink(context).items()
        }
        subject = f"{name}, IPv{version}"
        if expected:
            # How far a share may be off: two points, and one draw more or less. A policy with
            # sticky clients draws once for each client, else once for each flow.
            policy = context.config.policies[name]
            sticky = policy.mode is PolicyMode.BALANCE and policy.sticky
            yield _share_row(
                context,
                subject,
                expected,
                carried,
                rows,
                allowed=0.02 + 1 / len({row["source"] if sticky else row["flow"] for row in rows}),
            )
        else:
            yield refusal_row(SHARES_SECTION, subject, rows)
    yield _unsplit_flows_row(context)
    # No provider may see another uplink's address, or a client's own.
    strays = {name: isp.stray_packets() for name, isp in context.venue.isps.items()}
    wrong = {name: count for name, count in strays.items() if count}
    yield check_row(
        SHARES_SECTION,
        "sources that the providers see",
        expected="each uplink's own address",
        seen=f"wrong: {counts_text(wrong)}" if wrong else "no other",
        ok=not wrong,
    )


def _bytes_by_uplink(context: RehearsalContext) -> dict[str, int]:
    return {name: sum(isp.byte_counts()) for name, isp in context.venue.isps.items()}


def _share_row(
    context: RehearsalContext,
    subject: str,
    expected: UplinkShares,
    carried: Mapping[str, int],
    rows: Sequence[JsonRow],
    *,
    allowed: float,
) -> Check:
    counts, errors = context.count_by_uplink(rows), count_errors(rows)
    flows = {name: counts[name] / max(1, counts.total()) for name in (*expected, *counts)}
    total = sum(carried.values()) or 1
    # what goes by a lane is on several lines at once
    sizes = {name: carried[name] / total for name in expected if name in carried}
    close = all(abs(flows[name] - expected.get(name, 0)) <= allowed for name in flows)
    near = all(abs(part - expected[name]) <= allowed + 0.03 for name, part in sizes.items())
    seen = f"{shares_text(flows, digits=1)} of {counts.total()} flows"
    seen += f"; bytes {shares_text(sizes, digits=1)}" if sizes else ""
    return check_row(
        SHARES_SECTION,
        subject,
        expected=shares_text(expected, digits=1),
        seen=f"{seen}; failed: {counts_text(errors)}" if errors else seen,
        ok=close and near and not errors,
    )


def refusal_row(section: str, subject: str, rows: Sequence[JsonRow]) -> Check:
    """The row for flows that have no uplink: they must be refused, never left waiting."""
    seen = counts_text(count_errors(rows)) or "it works"
    return check_row(section, subject, expected="refused at once", seen=seen, ok=all_refused(rows))


def _unsplit_flows_row(context: RehearsalContext) -> Check:
    """One-way datagrams have no reply that assures their flow: they must not be split."""
    context.progress("one-way datagrams")
    clients = list(_first_clients(context))
    jobs = [
        client.start_traffic(
            "udp", version=version, count=ONE_WAY_FLOW_COUNT, packets=5, echo=False, interval_ms=10
        )
        for client, version in clients
    ]
    context.venue.collect_results(jobs)
    sources: dict[str, set[str]] = defaultdict(set)
    for row in context.venue.internet.log():
        sources[row["flow"]].add(row["source"])
    split = sum(len(source_addresses) > 1 for source_addresses in sources.values())
    one_way = sum("-udp-" in flow for flow in sources)
    return check_row(
        SHARES_SECTION,
        "a flow stays on its uplink",
        expected="0 split",
        seen=f"{split} split of {len(sources)} flows, {one_way} of them one-way datagrams",
        ok=not split and one_way > 0,
    )


def _first_clients(context: RehearsalContext) -> Iterator[tuple[ClientHost, int]]:
    """The first client of each VLAN, for each family in which it has an uplink."""
    for segment in context.venue.layout.segments:
        client = context.venue.client(segment.name)
        for server in INTERNET_SERVERS:
            name = policy_for(context.config, segment.name, Protocol.UDP, server, ECHO_SERVER_PORT)
            able = context.usable_uplinks(server.version)
            shares = expected_shares(context.config, context.config.policies[name], able)
            if client.layout.ip_addresses(server.version) and shares:
                yield client, server.version


def check_reachability(context: RehearsalContext) -> Iterator[Check]:
    """From each VLAN, in each of its families, by TCP, UDP and ICMP."""
    context.progress("the internet from every VLAN")
    for segment in context.venue.layout.segments:
        client = context.venue.client(segment.name)
        for server in INTERNET_SERVERS:
            if not client.layout.ip_addresses(server.version):
                continue
            ports = [("tcp", ECHO_SERVER_PORT), ("udp", ECHO_SERVER_PORT), ("icmp", 0)]
            targets = [ScanTarget(to=server, protocol=word, port=port) for word, port in ports]
            answers = {
                row["protocol"]: row["answer"]
                for row in client.scan(targets, timeout_ms=CLIENT_FLOW_TIMEOUT_MS)
            }
            expected = {
                word: _expected_answer(context, segment.name, server, word) for word in answers
            }
            yield check_row(
                REACHABILITY_SECTION,
                f"{segment.name}, IPv{server.version}",
                expected=_answers_text(expected),
                seen=_answers_text(answers),
                ok=all(answers[word] in _accepted_answers(expected[word]) for word in expected),
            )


def _expected_answer(context: RehearsalContext, vlan: str, server: IpAddress, word: str) -> str:
    """Whether a flow has an uplink at all ("open"), or must be refused."""
    icmp = Protocol.ICMP if server.version == 4 else Protocol.ICMPV6
    protocol = icmp if word == "icmp" else Protocol(word)
    name = policy_for(
        context.config, vlan, protocol, server, 0 if word == "icmp" else ECHO_SERVER_PORT
    )
    able = context.usable_uplinks(server.version)
    return (
        "open"
        if expected_shares(context.config, context.config.policies[name], able)
        else "refused"
    )


def _accepted_answers(expectation: str) -> frozenset[str]:
    return frozenset({"open"}) if expectation == "open" else PROMPT_REFUSALS


def _answers_text(answers: Mapping[str, str]) -> str:
    """The answers in words, in one if they agree."""
    if len(set(answers.values())) == 1:
        return f"{'/'.join(answers)} {next(iter(answers.values()))}"
    return ", ".join(f"{word} {answer}" for word, answer in answers.items())
