"""What is noted with a trial in its study: names of its attributes, and which words are nobody else's business."""

from __future__ import annotations

OUTCOMES, LAST, FOLDERS, WORDS, POINT = "outcomes", "last outcome", "folders", "words", "point"
"""Attributes of a trial: outcome by seed, the last one if it was pruned, run folder by seed, what it trained."""
FIGURES, VIOLATIONS = "figures", "violations"
"""What makes up its value, and by how much it breaks each constraint."""
TRAINED_S, OVERHEAD_S = "trained_s", "overhead_s"
"""Seconds of its training, and of all else."""
PLACES = (
    *("runs", "models", "data.cache", "dashboard.enabled", "wandb.mode"),
    *("cluster", "cluster.address", "cluster.workers", "cluster.cpus", "cluster.gpus"),
)
"""Keys of WORDS that say where things go on this machine: nobody else needs them."""
