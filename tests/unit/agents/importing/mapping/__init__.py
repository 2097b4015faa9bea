"""Mapping files and the known platforms."""
