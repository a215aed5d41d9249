"""`esi demo`: recorded stories told anew, each on a throw-away ring of child processes of the normal commands.

It is an outsider: it starts `esi etcd`, `esi lab`, `esi api` and `esi worker`, sends HTTP requests, asks the routers
over NETCONF as any management station would, runs `gohan client` and `etcdctl`, and checks what it sees against the
record. `vpn` holds the record, `story` tells it, `children` keeps the processes, `routers` and `keys` look, and
`expectations` judges.
"""
