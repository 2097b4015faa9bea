"""Lanes of each stage, one at a time, against a broker and a clock that live in memory."""
