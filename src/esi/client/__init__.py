"""What talks to the API from outside: the command line, the demo, tests. It speaks HTTP and knows nothing else.

`resources` has the client itself, `http` the one place that sends requests and turns answers into our errors,
`keystone` asks for a token, `why` makes sentences of facts, `schemas` keeps in a file for some minutes what the server
says about its own collections. Nothing is re-exported here: `schemas` alone must load quickly (shell completion reads
the kept file), `resources` brings an HTTP library along.
"""
