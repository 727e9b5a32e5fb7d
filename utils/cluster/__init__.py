"""Where work is done: in this process, by a pool of processes, on a Ray cluster; see utils/cluster/registry.py."""
