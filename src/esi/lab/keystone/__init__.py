"""The lab's Keystone: v3 tokens and a catalogue for unchanged OpenStack clients, over the token file's users.

directory    who is known: users, projects, roles, as Keystone names them
issued       the tokens that were given out: unguessable, with an end, at most so many
bodies       what Keystone's answers look like
rest, rows   the doors: versions and tokens; lists of users, projects, roles, services
room         all of that on a port

It reads no database and keeps nothing on disk: a new process has given out no token.
"""

from esi.lab.keystone.directory import Directory
from esi.lab.keystone.room import KeystoneRoom

__all__ = ["Directory", "KeystoneRoom"]
