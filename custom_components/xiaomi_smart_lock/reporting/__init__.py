"""What users are told: repairs and lines of the logbook."""
