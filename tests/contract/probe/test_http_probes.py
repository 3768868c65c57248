"""Probes over HTTP and HTTPS: the internet answers, or a captive portal."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from struct import pack

import pytest

from lbrouter.kernel.probe.http import classify_status
from lbrouter.model.events import ProbeFailure
from lbrouter.model.sections.targets import parse_target
from lbrouter.system import http_client
from tests.contract.conftest import shell
from tests.contract.probe.probe_network import (
    ALIVE,
    OTHER,
    SHORT_LIFETIME_S,
    ProbeNetwork,
    dns_answer,
    dns_server,
    in_probe_network,
    running_prober,
)

PROBE_HOST = "probe.example"


@asynccontextmanager
async def web_server(
    network: ProbeNetwork, answer: bytes, *, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[list[bytes]]:
    """A web server at the far end that answers every request alike; gives the requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    opened = network.far_socket(socket.SOCK_STREAM, ALIVE, port)
    running = await asyncio.start_server(serve, sock=opened, ssl=tls)
    try:
        yield requests
    finally:
        running.close()


@pytest.mark.parametrize(
    "answer, outcome",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.0 204\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", ProbeFailure.CAPTIVE_PORTAL),
        (b"HTTP/1.1 511 Network Authentication Required\r\n\r\n", ProbeFailure.CAPTIVE_PORTAL),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", ProbeFailure.WRONG_ANSWER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProbeFailure.WRONG_ANSWER),
        (b"HTTP/1.1 20x\r\n", ProbeFailure.WRONG_ANSWER),
        (b"A" * 100_000, ProbeFailure.WRONG_ANSWER),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, ProbeFailure.WRONG_ANSWER),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000, ProbeFailure.WRONG_ANSWER),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ProbeFailure.WRONG_ANSWER),
    ],
)
def test_what_a_server_says(answer: bytes, outcome: ProbeFailure | None) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        async with web_server(network, answer, port=80) as requests:
            with running_prober(network, f"http://{ALIVE}/generate?a=1"):
                await network.wait_for(lambda: len(network.answers() + network.losses()) >= 2)
        assert requests[0].startswith(f"GET /generate?a=1 HTTP/1.1\r\nHost: {ALIVE}\r\n".encode())
        assert {each.reason for each in network.losses()} == ({outcome} if outcome else set())
        assert bool(network.answers()) is (outcome is None)

    in_probe_network(scenario)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 204 No Content\r\na: b\r\n"])
def test_a_server_that_hangs_is_silent_and_keeps_no_descriptor(answer: bytes) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        async with web_server(network, answer, port=80):
            with running_prober(network, f"http://{ALIVE}/", lifetime_s=SHORT_LIFETIME_S):
                lost = (await network.wait_for(network.losses))[0]
            assert lost.reason is ProbeFailure.NO_ANSWER
            await network.wait_for(lambda: open_connections(network, 80) == 0)

    in_probe_network(scenario)


def open_connections(network: ProbeNetwork, port: int) -> int:
    """Connections to `port` that this process still holds on the near side."""
    return len(shell(f"ss -Htn state established dport = :{port}").splitlines())


@pytest.mark.parametrize(
    "path, status, portal",
    [
        ("/", 200, False),
        ("/generate_204", 204, False),
        ("/generate_204", 200, True),
        ("/", 301, True),
        ("/", 399, True),
    ],
)
def test_a_page_in_place_of_nothing_is_a_portal(path: str, status: int, portal: bool) -> None:  # noqa: FBT001
    reason, _ = classify_status(status, parse_target(f"http://{PROBE_HOST}{path}"))
    assert (reason is ProbeFailure.CAPTIVE_PORTAL) is portal


@pytest.fixture
def tls_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's certificate for HOST and ALIVE that this process trusts, as the only one."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN={PROBE_HOST} -addext subjectAltName=DNS:{PROBE_HOST},IP:{ALIVE}"
        f" -keyout {key} -out {certificate} 2>/dev/null"
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http_client.tls_context.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    yield context
    http_client.tls_context.cache_clear()


NO_CONTENT_RESPONSE = b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_trusted_certificate_is_the_internet(tls_context: ssl.SSLContext) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        async with web_server(network, NO_CONTENT_RESPONSE, port=443, tls=tls_context):
            with running_prober(network, f"https://{ALIVE}/"):
                await network.wait_for(lambda: len(network.answers()) >= 3)
        assert not network.losses()

    in_probe_network(scenario)


def test_a_name_is_asked_over_the_line_and_the_certificate_must_bear_it(
    tls_context: ssl.SSLContext,
) -> None:
    def answering(query: bytes) -> dict[str, list[bytes]]:
        record = bytes.fromhex("c00c 0001 0001 0000003c 0004") + socket.inet_aton(ALIVE)
        bare = dns_answer(query)
        return {ALIVE: [bare[:6] + pack("!H", 1) + bare[8:] + record]}

    async def scenario(network: ProbeNetwork) -> None:
        targets = (f"https://{PROBE_HOST}/", "https://elsewhere.example/")
        async with web_server(network, NO_CONTENT_RESPONSE, port=443, tls=tls_context):
            with dns_server(network, answering), running_prober(network, *targets):
                await network.wait_for(lambda: network.answers() and portal_losses(network))
        assert {each.target for each in network.answers()} == {targets[0]}
        assert {each.target for each in portal_losses(network)} == {targets[1]}
        assert "wrong certificate" in portal_losses(network)[0].detail

    in_probe_network(scenario)


def portal_losses(network: ProbeNetwork) -> list:  # type: ignore[type-arg]
    return [each for each in network.losses() if each.reason is ProbeFailure.CAPTIVE_PORTAL]


def test_a_certificate_that_nobody_vouches_for_is_a_portal(
    tls_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    http_client.tls_context.cache_clear()

    async def scenario(network: ProbeNetwork) -> None:
        async with web_server(network, NO_CONTENT_RESPONSE, port=443, tls=tls_context):
            with running_prober(network, f"https://{ALIVE}/"):
                await network.wait_for(lambda: portal_losses(network)[1:])
        assert not network.answers()

    in_probe_network(scenario)


def test_plain_text_where_tls_is_due_is_nonsense(tls_context: ssl.SSLContext) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        async with web_server(network, NO_CONTENT_RESPONSE, port=443):
            with running_prober(network, f"https://{ALIVE}/", lifetime_s=SHORT_LIFETIME_S):
                lost = (await network.wait_for(network.losses))[0]
        assert lost.reason in {ProbeFailure.WRONG_ANSWER, ProbeFailure.NO_ANSWER}
        assert not network.answers()

    in_probe_network(scenario)


def test_a_name_that_no_resolver_knows_is_silence() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, f"tcp://{PROBE_HOST}:443", dns=OTHER):
            lost = (await network.wait_for(network.losses))[0]
        assert (lost.reason, lost.target) == (ProbeFailure.NO_ANSWER, f"tcp://{PROBE_HOST}:443")
        assert PROBE_HOST in lost.detail

    in_probe_network(scenario)
