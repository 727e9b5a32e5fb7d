"""Shape and types of every configuration. Values live in the YAML files above this folder; here every field is MISSING.

Unknown keys, wrong types and missing values are refused with the full key. Components take these objects as their
definitions. Ranges are checked in `__post_init__` (they run on `OmegaConf.to_object`).
"""

from __future__ import annotations

from omegaconf import OmegaConf

from config.schema.cluster import ClusterConfig
from config.schema.curriculum import (
    DIRECTIONS,
    LEAST_UNIFORM,
    BatchConfig,
    CurriculumConfig,
    RotationConfig,
    StageConfig,
)
from config.schema.dashboard import DashboardConfig
from config.schema.data import (
    DataConfig,
    LuldBandConfig,
    LuldRuleConfig,
    LuldTierConfig,
    SampleDayConfig,
    SampleMarketConfig,
    SplitConfig,
    SplitEntry,
    TimelineConfig,
)
from config.schema.download import DownloadConfig
from config.schema.env import EnvConfig, RewardComponentConfig, RewardConfig
from config.schema.evaluation import BacktestConfig, RuleConfig
from config.schema.explain import ExplainConfig
from config.schema.feature import FeatureConfig
from config.schema.metrics import MetricsConfig, WandbConfig
from config.schema.root import MODES, Config, PlainConfig
from config.schema.scanner import (
    PatternConfig,
    QualityConfig,
    QualityTerm,
    ResetPointConfig,
    ScannerConfig,
    TriggerConfig,
)
from config.schema.simulation import (
    AccountConfig,
    ExecutionConfig,
    FeeConfig,
    FillConfig,
    LatencyConfig,
    OrdersConfig,
    RegimeConfig,
    RegulatoryEntry,
    SessionConfig,
    ShortsConfig,
    SimulationConfig,
)
from config.schema.training import ModelConfig, TrainingConfig
from config.schema.walk_forward import WalkForwardConfig

# neither a configuration nor a study can fetch keys from the environment: they are kept with every run
OmegaConf.clear_resolver("oc.env")

__all__ = [
    "DIRECTIONS",
    "LEAST_UNIFORM",
    "MODES",
    "AccountConfig",
    "BacktestConfig",
    "BatchConfig",
    "ClusterConfig",
    "Config",
    "CurriculumConfig",
    "DashboardConfig",
    "DataConfig",
    "DownloadConfig",
    "EnvConfig",
    "ExecutionConfig",
    "ExplainConfig",
    "FeatureConfig",
    "FeeConfig",
    "FillConfig",
    "LatencyConfig",
    "LuldBandConfig",
    "LuldRuleConfig",
    "LuldTierConfig",
    "MetricsConfig",
    "ModelConfig",
    "OrdersConfig",
    "PatternConfig",
    "PlainConfig",
    "QualityConfig",
    "QualityTerm",
    "RegimeConfig",
    "RegulatoryEntry",
    "ResetPointConfig",
    "RewardComponentConfig",
    "RewardConfig",
    "RotationConfig",
    "RuleConfig",
    "SampleDayConfig",
    "SampleMarketConfig",
    "ScannerConfig",
    "SessionConfig",
    "ShortsConfig",
    "SimulationConfig",
    "SplitConfig",
    "SplitEntry",
    "StageConfig",
    "TimelineConfig",
    "TrainingConfig",
    "TriggerConfig",
    "WalkForwardConfig",
    "WandbConfig",
]
