"""Hyperparameters by Optuna: studies from YAML, trials that are real trainings, workers that may be killed."""
