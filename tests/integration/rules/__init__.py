"""Policies and campaigns: applied, forecast, compared, reported."""
