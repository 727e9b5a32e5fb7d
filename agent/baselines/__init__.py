"""What any policy has to beat, one file each; see agent/baselines/registry.py."""
