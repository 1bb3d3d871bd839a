"""The steps of the dialogs."""
