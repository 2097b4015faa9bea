"""Campaigns: who enters which, what each run sends, and what came of it."""
