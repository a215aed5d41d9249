"""The same work with nothing around it: each a program of at most 60 lines, in a process of its own."""
