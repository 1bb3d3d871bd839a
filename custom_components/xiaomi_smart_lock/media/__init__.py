"""Pictures and recordings of the camera."""
