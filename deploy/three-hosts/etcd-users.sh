#!/bin/sh
# Once, when the cluster stands: root, and the user of the ring, whose role may use the ring's keys and nothing else.
# Passwords without spaces: etcdctl takes the first word.
#   ETCDCTL_ENDPOINTS=https://10.0.0.11:2379,… ETCDCTL_CACERT=… ETCDCTL_CERT=… ETCDCTL_KEY=… \
#     sh etcd-users.sh /etc/esi/secrets/etcd-root-password /etc/esi/secrets/etcd-password
set -eu
export ETCDCTL_API=3
root=$(cat "$1") ours=$(cat "$2")
printf '%s\n' "$root" | etcdctl user add root --interactive=false
printf '%s\n' "$ours" | etcdctl user add esi --interactive=false
etcdctl user grant-role root root
etcdctl role add esi
for keys in /config/ /state/ /monitoring/ /jobs/ /esi-worker/ /gohan/cluster/ /job_manager_id; do
  etcdctl role grant-permission --prefix=true esi readwrite "$keys"
done
etcdctl user grant-role esi esi
etcdctl auth enable
