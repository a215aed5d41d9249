"""Routers with a clock that is turned by hand, and the lines that the services write."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from esi.lab import LabSession, Router, day0
from esi.testing.clocks import HandClock


@dataclass(frozen=True)
class Side:
    """What differs between the two routers of the seed."""

    day0: str
    number: int
    own: str
    peer: str

    def gateway(self, vlan: int = 1025, uplink: int = 122) -> str:
        return f"""
interfaces {{
    ae0 {{
        unit {vlan} {{
            apply-groups VPNGW{self.number}-VRRP;
            vlan-id {vlan};
            description vpn_gw;
            family inet {{
                filter {{
                    input FILTER_10M-GA-UP-VPN;
                    output FILTER_10M-GA-DOWN-VPN;
                }}
            }}
        }}
    }}
    ge-0/0/1 {{
        unit {uplink} {{ vlan-id {uplink}; description CloudGW_vpn; }}
    }}
}}
routing-instances {{
    vrf_gw_sample-ha-router-downlink_{vlan} {{
        instance-type virtual-router;
        interface ae0.{vlan};
        interface ge-0/0/1.{uplink};
    }}
}}
"""

    def interface(self, vlan: int = 1025, uplink: int = 122) -> str:
        return f"""
interfaces {{ ge-0/0/1 {{ unit {uplink} {{ family inet {{ address {self.own}/30; }} }} }} }}
routing-instances {{
    vrf_gw_sample-ha-router-downlink_{vlan} {{
        protocols {{
            bgp {{
                group CloudGW1 {{
                    apply-groups VPNGW{self.number}-RI-EBGP;
                    local-address {self.own};
                    peer-as 9598;
                    neighbor {self.peer} {{ authentication-key "test"; }}
                }}
            }}
        }}
        routing-options {{ router-id {self.own}; autonomous-system 65101; }}
    }}
}}
"""


MX1 = Side("mx1", 2, "192.168.8.6", "192.168.8.5")
MX2 = Side("mx2", 1, "192.168.8.2", "192.168.8.1")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=[MX1, MX2], ids=["mx1", "mx2"])
def side(request: pytest.FixtureRequest) -> Side:
    found: Side = request.param
    return found


@pytest.fixture
def router(clock: HandClock) -> Router:
    return Router("mx1", day0("mx1"), clock)


@pytest.fixture
def session(router: Router) -> LabSession:
    return router.open("esi")
