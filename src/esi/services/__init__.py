"""The catalogue: one folder per service. A service is data (schemas, templates, policies) and a page of hooks.

In: nothing. Out: folders for the schema loader, template bodies for `heat_template`, registered hooks.
Owns: what the files say. Killed at any moment: nothing is kept here.
"""

from esi.services.catalogue import FLOWS, SERVICES, folders, register, templates

__all__ = ["FLOWS", "SERVICES", "folders", "register", "templates"]
