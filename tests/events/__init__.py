"""Tests of events and history."""
