#!/bin/sh
# A VPN gateway and an interface on the lab's pair of routers, with everything that they stand on, by `esi client`.
# GOHAN_ENDPOINT_URL and OS_TOKEN say where the API is and who calls. Ends when the interface is ACTIVE.
set -eu
tenant=0b576f6f4cbf414f829cd12f008bf08f

create() {  # schema, then options of `esi client SCHEMA create`; the body's own words come from standard input
  schema=$1; shift
  made=$(esi client "$schema" create --file - "$@" --output-format csv --fields id)
  echo "${made##*
}"
}

for router in "vMX-router-02 10.79.5.185" "vMX-router-01 10.79.5.184"; do
  create edge_router --wait <<EOF
{name: ${router% *}, ip: ${router#* }, login: esi, password: esiesi0000, ssh_port: 830,
 autonomous_system: "65101", tenant_id: $tenant}
EOF
done
create ha_router --primary_router vMX-router-02 --secondary_router vMX-router-01 <<EOF
{name: first-pair, tenant_id: $tenant}
EOF
port() {  # router, name: prints its id
  create er_physical_interface --device "$1" <<EOF
{name: $2, tenant_id: $tenant}
EOF
}
up2=$(port vMX-router-02 ge-0/0/1)
down2=$(port vMX-router-02 ae0)
up1=$(port vMX-router-01 ge-0/0/1)
down1=$(port vMX-router-01 ae0)
downlink=$(create ha_interface --ha_router first-pair <<EOF
{name: first-downlink, link_type: downlink, restricted_vlans: "0-1024,4094", maximum_ga_bandwidth: 500,
 maximum_be_bandwidth: 500, primary_interface_id: $down2, secondary_interface_id: $down1, tenant_id: $tenant}
EOF
)
uplink=$(create ha_interface --ha_router first-pair <<EOF
{name: first-uplink, link_type: uplink, primary_interface_id: $up2, secondary_interface_id: $up1, tenant_id: $tenant}
EOF
)
create vpn_service <<EOF
{name: first-service, zone: jp1-zone1, uplink_interfaces: [$uplink], downlink_interfaces: [$downlink],
 tenant_id: $tenant}
EOF
create qos_option --vpn_service first-service <<EOF
{name: 10M-GA, qos_type: guarantee, service_type: vpn, bandwidth: "10", tenant_id: $tenant,
 incoming_policer_name: 10M-GA-UP-VPN, outgoing_policer_name: 10M-GA-DOWN-VPN,
 incoming_policer_config: "single-rate { committed-information-rate 10m; }",
 outgoing_policer_config: "if-exceeding { bandwidth-limit 10m; } then discard;"}
EOF
create vpn_gateway --wait --vpn_service first-service --qos_option 10M-GA <<EOF
{name: first-gateway, uplink_vlan_id: "122", local_as_number: "65101", maximum_static_routes: 32, tenant_id: $tenant}
EOF
create vpn_interface --wait --vpn_gw first-gateway <<EOF
{name: first-interface, bgp_md5: test, bgp_remote_as: "9598", tenant_id: $tenant,
 primary: {bgp_peer_ip: 192.168.8.1, bgp_router_id: 192.168.8.2, ip_address: 192.168.8.2/30},
 secondary: {bgp_peer_ip: 192.168.8.5, bgp_router_id: 192.168.8.6, ip_address: 192.168.8.6/30}}
EOF
esi client vpn_interface show first-interface --fields name,status,orchestration_state,operational_state
