"""Own the languages of readers: translated texts, numbers, money and dates. Import the standard library only."""
