"""Tests of the attack tool."""
