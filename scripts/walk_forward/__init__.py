"""Rolling folds of sessions, trained and tested with several seeds."""
