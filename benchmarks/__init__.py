"""How fast the ring is, each figure beside a baseline: `make bench`; `python -m benchmarks --only post --quick`.

One file measures one thing (`post`, `vpn`, …): a title, what it is, and a function `measure`. A baseline is a program
of at most 60 lines (`baselines/`) that runs in a process of its own and does the same work with the same
statements, bytes and durability, and nothing else. Ours and theirs run in turn, so that a machine whose speed drifts
slows both; the page shows medians, and the lowest and highest run.

    __main__    which benchmarks run, the JSON they end in, the page made of it
    rows        what a figure is: runs of ours, runs of the baseline, the target; ours and theirs in turn
    page        docs/benchmarks.json to docs/benchmarks.md
    processes   rings, labs and baselines as processes of their own; their memory and processor time
    load        the load generator, a process of its own, the same for ours and for the baseline
"""
