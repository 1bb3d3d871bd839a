"""Tests of the tables of lock models."""
