"""The collector agent: looks at what it was told to watch, again and again, and says what it has seen.

In: targets, over REST (POST /targets, DELETE /targets/<id>) and from topics; kept under `/esi-worker/targets/<id>`.
Out: what is seen of a resource, in `/monitoring<path>`; values and metrics over REST and at /metrics; the metrics of
targets that ask for it, to an OpenTSDB.
Owns: `/esi-worker/targets/<id>`, `/esi-worker/agents/<name>` and all of `/monitoring<path>`.
Killed at any moment: its presence ends with its lease, the other agents or its next life take its targets over and look
at once; what it had written stays, and what it writes too late is refused, because every commit is guarded by its
presence and by the targets it speaks for.

    doors (rest, topics) ► shelf ─► etcd ─► mirror ► collector ► probes
                                                        ├► board ─► /monitoring
                                                        └► tsdb ─► OpenTSDB
"""
