"""The seed's hunks: what `show | compare` said on both routers after the gateway, when the interface was loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from esi.lab import Router, day0
from esi.render.junos.secret9 import decode
from esi.render.junos.tree import Node

# Lines as they are printed in the seed, without its layout (blank line between hunks, closing `[edit]`).
SEED = {
    "mx1": """
[edit interfaces ge-0/0/1 unit 122]
+     family inet {
+         address 192.168.8.6/30;
+     }
[edit routing-instances vrf_gw_sample-ha-router-downlink_1025]
+    routing-options {
+        router-id 192.168.8.6;
+        autonomous-system 65101;
+    }
+    protocols {
+        bgp {
+            group CloudGW1 {
+                apply-groups VPNGW2-RI-EBGP;
+                local-address 192.168.8.6;
+                peer-as 9598;
+                neighbor 192.168.8.5 {
+                    authentication-key "KEY"; ## SECRET-DATA
+                }
+            }
+        }
+    }
""",
    "mx2": """
[edit interfaces ge-0/0/1 unit 122]
+     family inet {
+         address 192.168.8.2/30;
+     }
[edit routing-instances vrf_gw_sample-ha-router-downlink_1025]
+    routing-options {
+        router-id 192.168.8.2;
+        autonomous-system 65101;
+    }
+    protocols {
+        bgp {
+            group CloudGW1 {
+                apply-groups VPNGW1-RI-EBGP;
+                local-address 192.168.8.2;
+                peer-as 9598;
+                neighbor 192.168.8.1 {
+                    authentication-key "KEY"; ## SECRET-DATA
+                }
+            }
+        }
+    }
""",
}
KEY = re.compile(r'"(\$9\$[^"]+)"')


async def test_the_interface_of_the_seed_is_shown_as_in_the_seed(side: Any, clock: Any) -> None:
    router = Router(side.day0, day0(side.day0), clock)
    session = router.open("esi")
    session.lock()
    assert session.load_text("merge", side.gateway()) == []
    await session.commit()
    assert session.load_text("merge", side.interface()) == []
    shown = session.compare()
    secret = KEY.search(shown)
    assert secret is not None
    assert decode(secret[1]) == "test"
    assert KEY.sub('"KEY"', shown) == SEED[side.day0]
    await session.commit("esi batch 2")
    assert session.compare() == "\n"
    assert router.running_text().count("CloudGW1") == 1


async def test_deleting_everything_leaves_the_first_configuration(side: Any, clock: Any) -> None:
    router = Router(side.day0, day0(side.day0), clock)
    before = router.running_text()
    session = router.open("esi")
    for text in (side.gateway(), side.interface()):
        session.load_text("merge", text)
        await session.commit()
    session.load_text(
        "set",
        f"""delete interfaces ge-0/0/1 unit 122 family inet address {side.own}/30
delete routing-instances vrf_gw_sample-ha-router-downlink_1025 protocols bgp group CloudGW1
delete routing-instances vrf_gw_sample-ha-router-downlink_1025 routing-options""",
    )
    await session.commit()
    assert "192.168.8" not in router.running_text()
    session.load_text(
        "set",
        """delete interfaces ge-0/0/1 unit 122
delete interfaces ae0 unit 1025
delete routing-instances vrf_gw_sample-ha-router-downlink_1025""",
    )
    await session.commit()
    assert router.running_text() == before


@pytest.mark.parametrize("services", [1, 200])
async def test_a_service_touches_as_little_of_many_as_of_one(services: int, side: Any, clock: Any) -> None:
    """What a load copies and a commit looks at again does not grow with what else is configured."""
    router = Router(side.day0, day0(side.day0), clock)
    session = router.open("esi")
    for number in range(services):
        session.load_text("merge", side.gateway(1000 + number, 100 + number))
    await session.commit()
    before = {id(node): node.facts for node in nodes(router.running.root)}
    session.load_text("merge", side.gateway(2000, 2000))
    await session.commit()
    after = [node for node in nodes(router.running.root) if id(node) not in before]
    assert len(after) == 21  # 16 new statements and the 5 on the way to them
    looked_at = [node for node in nodes(router.running.root) if node.facts is not before.get(id(node))]
    assert sorted(node.spec.name for node in looked_at) == ["instance", "unit", "unit"]


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children.values():
        yield from nodes(child)
