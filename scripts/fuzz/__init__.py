"""Fuzzing of what reads files and words of other people."""
