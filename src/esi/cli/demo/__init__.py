"""`esi demo`: recorded stories told anew, each on a throw-away ring of child processes of the normal commands.

It is an outsider: it starts `esi etcd`, `esi lab`, `esi api`, `esi agent` and `esi worker`, sends HTTP requests, asks
routers over NETCONF and appliances over NITRO as any management station would, Nova and Contrail as any of their
clients, runs `gohan client` and `etcdctl`, and checks what it sees against the record.

`vpn` and `balancer` hold the records, `vpn_story` and `balancer_story` tell them on a `stage`; `children` keeps the
processes, `routers`, `clouds` and `keys` look, and `expectations` judges.
"""
