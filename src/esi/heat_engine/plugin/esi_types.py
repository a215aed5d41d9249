"""Loaded by heat-engine as a plug-in: our resource types. It stands in the folder that `plugin_dirs` names."""

from esi.heat_engine.adapter import resource_mapping

__all__ = ["resource_mapping"]
