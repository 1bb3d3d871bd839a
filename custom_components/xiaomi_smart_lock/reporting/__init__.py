"""Reports to users: repair issues and logbook entries."""
