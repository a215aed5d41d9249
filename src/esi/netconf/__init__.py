"""NETCONF without I/O: bytes in, documents out; documents in, messages out. The client and the lab router share it.

framing    where a message ends: `]]>]]>` of version 1.0, chunks of version 1.1 (RFC 6242)
xml        one safe parser, local names
hello      capabilities in both spellings that JUNOS sends, choice of the version (RFC 6241 section 8.1)
rpc        requests, built and read; replies, built
reply      replies, read: every error at any depth, warnings apart
"""
