"""Workers that die, hang or lose what they need: afterwards all is as if nothing had happened."""
