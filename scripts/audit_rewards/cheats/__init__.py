"""One cheat a file."""
