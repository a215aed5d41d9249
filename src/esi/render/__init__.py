"""From what is wanted to what is sent: parameter mappings, templates, JUNOS text. Pure: no clock, no I/O."""
