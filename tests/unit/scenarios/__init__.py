"""Scenarios of campaigns as tables of At, Event and Want, readable by a marketer and run as tests."""
