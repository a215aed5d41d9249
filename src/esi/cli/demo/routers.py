"""What a router's last commit changed, asked over NETCONF as any management station would ask.

One SSH session to a device of the lab on loopback, base 1.0 framing, one question: JUNOS's own comparison of the
configuration with the one before the last commit.
"""

from __future__ import annotations

from lxml import etree

from esi.errors import Rejected, Unreachable

END = "]]>]]>"
_HELLO = """<?xml version="1.0" encoding="UTF-8"?>
<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>
<capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>"""
_QUESTION = """<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">
<get-configuration compare="rollback" rollback="1" format="text"/></rpc>"""


async def last_change(address: str, *, user: str, password: str) -> list[str]:
    """The lines of the comparison. `address` is host:port. The lab makes its host keys anew: they are not checked."""
    import asyncssh  # here: it takes half a second to load, which the story does beside other things

    host, _, port = address.rpartition(":")
    try:
        async with (
            asyncssh.connect(
                *(host, int(port)), username=user, password=password,
                known_hosts=None, client_keys=None, agent_path=None, config=None,
            ) as connection,
            connection.create_process(subsystem="netconf") as session,
        ):  # fmt: skip
            session.stdin.write(_HELLO + END)
            await session.stdout.readuntil(END)
            session.stdin.write(_QUESTION + END)
            reply = await session.stdout.readuntil(END)
    except (OSError, asyncssh.Error, EOFError) as error:
        raise Unreachable(f"the router at {address} does not answer NETCONF: {error}", address=address) from error
    return lines_of(str(reply), who=address)


def lines_of(reply: str, *, who: str) -> list[str]:
    """The lines of the comparison in an `rpc-reply`. Rejected with the router's own words."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(reply.removesuffix(END).strip().encode(), parser)
    for place in root.iter("{*}error-message"):
        raise Rejected(who, (place.text or "").strip())
    text = "".join(place.text or "" for place in root.iter("{*}configuration-output"))
    return [line.rstrip() for line in text.splitlines() if line.strip()]
