"""The benchmarks' own service: one flat schema, as data alone."""
