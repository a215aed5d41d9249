"""JUNOS configuration without I/O: CLI text, the table of statements, the tree, its XML, `$9$` secrets.

text        CLI text to plain statements and back; marked values stay one word
secret9     the reversible form in which JUNOS shows secrets
statements  what is a list, a leaf, a flag: read from statements.txt
tree        a configuration as the table sees it, cheap to copy
reading     statements into the tree
printing    the tree as text, as set commands
xml         the tree as JUNOS XML and back
"""
