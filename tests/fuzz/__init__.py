"""Whatever comes from outside, nothing but our own errors comes of what is invalid."""
