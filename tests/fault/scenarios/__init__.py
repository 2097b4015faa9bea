"""Scenarios: histories, the faults that hit workers in them, and the checks afterwards."""
