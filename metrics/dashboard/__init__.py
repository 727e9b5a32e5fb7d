"""The live dashboard: a server of its own that reads the stores of runs and nothing else."""
