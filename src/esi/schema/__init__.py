"""From YAML to compiled schemas: what may be asked, by whom, and how it is kept. Pure; nothing is read after load.

    source → extension → properties → validation → compiler → catalogue
                                                   policy ↗

The YAML keys are Gohan's (`schemas:`, `policies:`); our own beside them: on properties `secret` (for administrators
only), `hidden` (shown to nobody; first level), `raw`; in metadata `status`.
"""

from esi.schema.catalogue import Catalogue, Referrer
from esi.schema.compiler import load, load_documents
from esi.schema.model import Action, Property, Relation, Schema, StatusRule
from esi.schema.policy import Access, Policies

__all__ = [
    "Access",
    "Action",
    "Catalogue",
    "Policies",
    "Property",
    "Referrer",
    "Relation",
    "Schema",
    "StatusRule",
    "load",
    "load_documents",
]
