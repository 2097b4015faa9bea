"""Customers: their stories, segments, traits and orders, and their erasure."""
