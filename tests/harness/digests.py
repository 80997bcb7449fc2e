"""Digests by their definitions, apart from the code that makes them."""

import hashlib
import struct

from blake3 import blake3

from contracts.manifest import CHUNK


def sha256_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def root_of(content: bytes) -> str:
    """The root of a raw or qcow2 disk by its definition: BLAKE3 over its size, its grid and its table of spans.

    A span is 64 chunks of 64 KiB. One that is not all zero is in the table with its number, a bit for each chunk
    that is not zero, and BLAKE3 over the BLAKE3 digests of those.
    """
    table = b""
    for number, at in enumerate(range(0, len(content), 64 * CHUNK)):
        span = content[at : at + 64 * CHUNK]
        chunks = [span[at : at + CHUNK] for at in range(0, len(span), CHUNK)]
        bits = sum(1 << bit for bit, chunk in enumerate(chunks) if any(chunk))
        digests = b"".join(blake3(chunk).digest() for chunk in chunks if any(chunk))
        if bits:
            table += struct.pack(">IQ", number, bits) + blake3(digests).digest()
    return blake3(b"imprint index 2\0" + struct.pack(">QQQQ", len(content), 0, 0, 0) + table).hexdigest()
