"""Long runs of Home Assistant with the integration, to find lost events and leaks."""
