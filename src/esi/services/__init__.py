"""The catalogue: one folder per service. A service is data and, where arithmetic is needed, a page of hooks.

In: nothing. Out: what bootstrap reads, `schemas/*.yaml`, `policies.yaml`, `templates/*.yaml`,
`templates/<flow>/*.yaml` and `hooks.register`. Owns: what the files say. Killed at any moment: nothing is kept here.
"""
