"""The whole configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from config.schema.checks import one_of, require
from config.schema.cluster import ClusterConfig
from config.schema.curriculum import CurriculumConfig
from config.schema.dashboard import DashboardConfig
from config.schema.data import DataConfig, SampleMarketConfig, SplitConfig, TimelineConfig
from config.schema.download import DownloadConfig
from config.schema.env import EnvConfig, RewardConfig
from config.schema.evaluation import BacktestConfig
from config.schema.explain import ExplainConfig
from config.schema.feature import FeatureConfig
from config.schema.metrics import MetricsConfig, WandbConfig
from config.schema.scanner import ScannerConfig
from config.schema.simulation import SimulationConfig
from config.schema.training import ModelConfig, TrainingConfig
from config.schema.walk_forward import WalkForwardConfig

MODES = ("init", "build-index", "scan", "train", "backtest", "train-backtest")


@dataclass
class Config:
    """The whole."""

    name: str = MISSING
    mode: str = MISSING  # one of MODES
    seed: int = MISSING
    plugins: list[str] = MISSING  # modules to import: they register features, rewards, models, sinks of your own
    symbols: list[str] = MISSING  # overrides the stages' symbols; empty: all
    runs: str = MISSING  # folder of runs
    models: str = MISSING  # folder of the model registry
    cluster: ClusterConfig = MISSING
    data: DataConfig = MISSING
    sample: SampleMarketConfig = MISSING
    timeline: TimelineConfig = MISSING
    split: SplitConfig = MISSING
    scanner: ScannerConfig = MISSING
    curriculum: CurriculumConfig = MISSING
    feature: FeatureConfig = MISSING
    simulation: SimulationConfig = MISSING
    env: EnvConfig = MISSING
    reward: RewardConfig = MISSING
    model: ModelConfig = MISSING
    training: TrainingConfig = MISSING
    backtest: BacktestConfig = MISSING
    walk_forward: WalkForwardConfig = MISSING
    metrics: MetricsConfig = MISSING
    wandb: WandbConfig = MISSING
    dashboard: DashboardConfig = MISSING
    explain: ExplainConfig = MISSING
    download: DownloadConfig = MISSING

    def __post_init__(self) -> None:
        one_of("mode", self.mode, MODES)
        rows = self.training.n_steps * self.training.lanes
        for stage in self.curriculum.stages:
            require(
                (stage.batch.size or 1) <= rows,
                f"curriculum.stages[{stage.name}].batch.size is {stage.batch.size}; a rollout has {rows}, use less",
            )
        require(self.name.replace("-", "").isalnum(), f"name is {self.name!r}; use letters, digits and dashes")


PlainConfig = dict[str, Any]
"""A composed configuration as plain data, for hashing and for JSON."""
