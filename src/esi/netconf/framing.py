"""Where a NETCONF message ends: the end token of version 1.0 and the chunks of version 1.1 (RFC 6242 section 4).

Both sides begin with the token, because the hello always ends with it, and choose the version by what the hellos say.
What follows the hello in the same read may already be framed the other way, so a new Framer gives out the hello only
and keeps the rest until `use` names the version.
"""

from __future__ import annotations

import re
from typing import Literal

from esi.errors import Broken, Unreachable

Version = Literal["1.0", "1.1"]

END = b"]]>]]>"
LIMIT_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 65536
_HEADER_BYTES = 16
_HEADER = re.compile(rb"\s*#(?:([1-9][0-9]{0,9})|#)\n")


class Framer:
    """Cuts a byte stream into documents. `limit` (bytes) bounds one document; `who` names the peer in errors."""

    def __init__(self, *, limit: int = LIMIT_BYTES, who: str = "peer") -> None:
        self._limit = limit
        self._who = who
        self._version: Version | None = None
        self._held = False
        self._buffer = bytearray()
        self._searched = 0
        self._document = bytearray()
        self._left = 0

    @property
    def pending(self) -> bool:
        """Whether a document has begun and not ended: the stream must not end now."""
        return bool(self._buffer.strip() or self._document or self._left)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they were read; return the documents that are complete now, without blanks around them.

        Raises Unreachable for a stream that is not framed NETCONF, or a document over the limit.
        """
        self._buffer += data
        if self._held:
            self._check(len(self._buffer))
            return []
        return self._chunked() if self._version == "1.1" else self._ended_by_token()

    def use(self, version: Version) -> list[bytes]:
        """Go on in `version` after the hello; return what was already complete behind it."""
        self._version = version
        self._held = False
        return self.feed(b"")

    def _ended_by_token(self) -> list[bytes]:
        documents: list[bytes] = []
        while not self._held and (end := self._buffer.find(END, self._searched)) >= 0:
            self._check(end)
            document = bytes(self._buffer[:end]).strip()
            del self._buffer[: end + len(END)]
            self._searched = 0
            if document:
                documents.append(document)
                self._held = self._version is None
        if not self._held:
            # The token may be split over reads: look again from where it could have begun.
            self._searched = max(0, len(self._buffer) - len(END) + 1)
            self._check(len(self._buffer))
        return documents

    def _chunked(self) -> list[bytes]:
        documents: list[bytes] = []
        at = 0
        while True:
            if self._left:
                part = self._buffer[at : at + self._left]
                if not part:
                    break
                self._document += part
                self._left -= len(part)
                at += len(part)
                continue
            header = _HEADER.match(self._buffer, at)
            if header is None:
                self._check_header(at)
                break
            at = header.end()
            if header[1] is not None:
                self._left = int(header[1])
                self._check(len(self._document) + self._left)
            else:
                documents.append(bytes(self._document).strip())
                self._document.clear()
        del self._buffer[:at]
        return documents

    def _check_header(self, at: int) -> None:
        rest = bytes(self._buffer[at:]).lstrip()
        if rest and (not rest.startswith(b"#") or b"\n" in rest or len(rest) > _HEADER_BYTES):
            raise Unreachable(f"{self._who}: no chunk header where one must stand: {rest[:40]!r}")

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise Unreachable(f"{self._who}: a message is larger than {self._limit} bytes", limit=self._limit)


def frame(document: bytes, version: Version = "1.0") -> bytes:
    """Put `document` into the frame of `version`. Raises Broken for a text that 1.0 cannot carry (escape its `>`)."""
    if version == "1.0":
        if END in document:
            raise Broken("a NETCONF 1.0 message must not hold its own end token")
        return b"%b\n%b" % (document, END)
    chunks = (document[at : at + _CHUNK_BYTES] for at in range(0, len(document), _CHUNK_BYTES))
    return b"".join(b"\n#%d\n%b" % (len(chunk), chunk) for chunk in chunks) + b"\n##\n"
