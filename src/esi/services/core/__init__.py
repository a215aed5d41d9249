"""What every installation has: tenants, templates, mappings, and the equipment that other resources name. No hooks."""
