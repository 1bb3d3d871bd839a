"""Long runs of Home Assistant with the integration, in which nothing may be lost or left."""
