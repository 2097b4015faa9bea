"""Workers that crash, hurry or lose what they polled, for the scenarios."""
