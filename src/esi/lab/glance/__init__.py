"""The lab's Glance: the images that the lab's Nova boots from, by id and by name, for unchanged clients.

Ids are made from names, so they are the same in every process. There is nothing in the images, and none can be made.
"""

from esi.lab.glance.images import APPLIANCE_IMAGE, Glance

__all__ = ["APPLIANCE_IMAGE", "Glance"]
