"""The rules of `show | compare`, each as a router shows it."""

from __future__ import annotations

import pytest

from esi.lab.compare import NO_CHANGE, compare
from esi.lab.load import load_text
from esi.render.junos.tree import Tree


def tree(text: str) -> Tree:
    loaded = load_text(Tree(), "merge", text, lambda secret: f"$9${secret}")
    assert loaded.errors == []
    return loaded.tree


TERMS = "firewall { family inet { filter INET_IN { %s } } }"
ONE, TWO, ALL = "term one { then accept; }", "term T { from { port bgp; } then accept; }", "term all { then accept; }"

CASES = {
    "changed leaf": (
        "system { host-name a; }",
        "system { host-name b; }",
        "[edit system]\n-  host-name a;\n+  host-name b;\n",
    ),
    "leaf and list of one container": (
        "snmp { community networktocode { authorization read-only; } }",
        "snmp { location SYDNEY; community networktocode { authorization read-only; }"
        " community private { authorization read-write; } }",
        """[edit snmp]
+  location SYDNEY;
[edit snmp]
    community networktocode { ... }
+   community private {
+       authorization read-write;
+   }
""",
    ),
    "new leaf-list": (
        "protocols { bgp { group G { neighbor 10.0.0.1 { passive; } } } }",
        "protocols { bgp { group G { neighbor 10.0.0.1 { passive; import [ DRAIN PE_IMPORT ]; } } } }",
        "[edit protocols bgp group G neighbor 10.0.0.1]\n+     import [ DRAIN PE_IMPORT ];\n",
    ),
    "longer leaf-list": (
        "protocols { bgp { import A; } }",
        "protocols { bgp { import [ A B ]; } }",
        "[edit protocols bgp]\n-   import A;\n+   import [ A B ];\n",
    ),
    "new entry before its sibling": (
        TERMS % ALL,
        TERMS % f"{TWO} {ALL}",
        """[edit firewall family inet filter INET_IN]
+      term T {
+          from {
+              port bgp;
+          }
+          then accept;
+      }
       term all { ... }
""",
    ),
    "new entry between siblings": (
        TERMS % f"{ONE} {ALL}",
        TERMS % f"{ONE} {TWO} {ALL}",
        """[edit firewall family inet filter INET_IN]
       term one { ... }
+      term T {
+          from {
+              port bgp;
+          }
+          then accept;
+      }
       term all { ... }
""",
    ),
    "moved entry": (
        TERMS % f"{ONE} {ALL}",
        TERMS % f"{ALL} {ONE}",
        """[edit firewall family inet filter INET_IN]
!      term all { ... }
       term one { ... }
""",
    ),
    "deleted entry": (
        TERMS % f"{ONE} {ALL}",
        TERMS % ALL,
        "[edit firewall family inet filter INET_IN]\n-      term one {\n-          then accept;\n-      }\n",
    ),
    "new family beside another": (
        "interfaces { ge-0/0/0 { unit 0 { family inet { mtu 1500; } } } }",
        "interfaces { ge-0/0/0 { unit 0 { family inet { mtu 1500; } family mpls; } } }",
        "[edit interfaces ge-0/0/0 unit 0]\n+      family mpls;\n",
    ),
    "entry on one line": (
        "interfaces { ge-0/0/0 { unit 0 { family inet { address 10.0.0.1/24; } } } }",
        "interfaces { ge-0/0/0 { unit 0 { family inet { address 10.0.0.2/24; } } } }",
        """[edit interfaces ge-0/0/0 unit 0 family inet]
-       address 10.0.0.1/24;
+       address 10.0.0.2/24;
""",
    ),
    "deactivated": (
        "policy-options { prefix-list P { 10.0.0.0/8; } }",
        "policy-options { inactive: prefix-list P { 10.0.0.0/8; } }",
        "[edit policy-options]\n!    inactive: prefix-list P { ... }\n",
    ),
    "activated": (
        "policy-options { inactive: prefix-list P { 10.0.0.0/8; } }",
        "policy-options { prefix-list P { 10.0.0.0/8; } }",
        "[edit policy-options]\n!    active: prefix-list P { ... }\n",
    ),
    "section at the top": (
        "system { host-name a; }",
        "system { host-name a; } protocols { bgp { passive; } }",
        "[edit]\n+  protocols {\n+      bgp {\n+          passive;\n+      }\n+  }\n",
    ),
    "secret": (
        "protocols { bgp { authentication-key a; } }",
        "protocols { bgp { authentication-key b; } }",
        """[edit protocols bgp]
-   authentication-key "$9$a"; ## SECRET-DATA
+   authentication-key "$9$b"; ## SECRET-DATA
""",
    ),
    "route on one line": (
        "routing-options { static { route 10.0.0.0/8 discard; } }",
        "routing-options { static { route 10.0.0.0/8 discard; route 11.0.0.0/8 next-hop 1.1.1.1; } }",
        """[edit routing-options static]
     route 10.0.0.0/8 { ... }
+    route 11.0.0.0/8 next-hop 1.1.1.1;
""",
    ),
}


@pytest.mark.parametrize(("before", "after", "shown"), CASES.values(), ids=CASES)
def test_a_change_is_shown_as_on_a_router(before: str, after: str, shown: str) -> None:
    old, new = tree(before), tree(after)
    assert compare(old.root, new.root) == "\n" + shown
    assert compare(old.root, old.copy().root) == compare(new.root, tree(after).root) == NO_CHANGE
