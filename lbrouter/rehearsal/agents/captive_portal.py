"""A captive portal: one page for every address, over HTTP and with a wrong certificate over TLS.

Runs by its path inside a provider's namespace, on the standard library alone: `captive_portal.py
REQUEST`, where REQUEST is JSON: {"addresses", "http": PORT, "https": PORT, "pair": FILE or ""}. The
file has a key and a certificate; without one HTTPS is not answered. Says `true` when it listens,
and ends with its standard input.
"""

import asyncio
import json
import ssl
import sys
from typing import Any

PORTAL_PAGE = b"<html><body>Welcome. Please accept our terms to go online.</body></html>\n"
PORTAL_RESPONSE = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/login\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (len(PORTAL_PAGE), PORTAL_PAGE)


async def serve_login_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: any request gets the login page."""
    try:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.write(PORTAL_RESPONSE)
        await writer.drain()
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        pass  # the client left
    finally:
        writer.close()


async def main(request: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    for address in request["addresses"]:
        await asyncio.start_server(serve_login_page, address, request["http"])
        if request["pair"]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(request["pair"])
            await asyncio.start_server(serve_login_page, address, request["https"], ssl=context)
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("true", flush=True)
    await commands.read()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
