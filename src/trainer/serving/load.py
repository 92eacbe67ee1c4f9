"""Load for the benchmark: clients that ask again as soon as they are answered, over raw connections.

A client library would take a good part of the two cores that the server is measured on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What the clients saw.

    Attributes:
        seconds: Latency of each request.
        failures: What went wrong, one line each.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


async def run_clients(port: int, texts: Sequence[str], clients: int, duration: float) -> Load:
    """So many clients for so many seconds, each at least once; each begins elsewhere in the texts."""
    load = Load()
    end = time.perf_counter() + duration
    step = max(1, len(texts) // clients)
    bodies = [encode_request(text) for text in texts]
    await asyncio.gather(*(_ask_until(port, bodies, index * step, end, load) for index in range(clients)))
    return load


def encode_request(text: str) -> bytes:
    """A complete HTTP request for one article."""
    body = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8")
    head = (
        f"POST /v1/extract HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


async def _ask_until(port: int, bodies: Sequence[bytes], start: int, end: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        position = start
        while True:
            began = time.perf_counter()
            writer.write(bodies[position % len(bodies)])
            status, body = await read_response(reader)
            load.seconds.append(time.perf_counter() - began)
            if status != 200 or b'"spans"' not in body:
                load.failures.append(f"{status}: {body[:200]!r}")
            position += 1
            if time.perf_counter() >= end:
                return
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        load.failures.append(f"{type(error).__name__}: {error}")
    finally:
        writer.close()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of an answer that announces its length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)
