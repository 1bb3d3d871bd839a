"""Tests of enrollment and expiry of credentials."""
