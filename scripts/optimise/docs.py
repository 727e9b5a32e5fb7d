"""docs/optuna.md: how to search, and the spaces as their files have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from config.schema.optuna import ParameterConfig, StudyConfig
from config.studies import NOTHING, load_study, study_files, study_summary
from utils.markdown import markdown
from utils.paths import ROOT

RESULTS = "optuna_results.md"
HOW = """# Hyperparameters

A *study* varies keys of a configuration; a *trial* is a real training at one point of the space, judged on the
validation days. Studies are YAML files in `config/optuna/`; the search itself is Optuna's.

## Three phases

```sh
./fx optuna-all --trials 30        # everything below, then the test days; Ctrl-C, and the same command goes on
./fx optuna-foundation             # phase 1, study fx_ai_foundation
./fx optuna-transfer-1to2          # writes cache/optuna/transfer/phase2_reward.yaml: read it
./fx optuna-reward                 # phase 2, study fx_ai_reward
./fx optuna-transfer-2to3
./fx optuna-finetune               # phase 3, study fx_ai_finetune
./fx optuna-status
./fx optuna-best fx_ai_finetune    # writes cache/configs/fx_ai_finetune_best.yaml
./fx optuna-results                # pictures: cache/optuna/index.html
./fx optuna-dashboard              # port 8080, or the next free one; this machine only
```

Then `./fx train --config fx_ai_finetune_best` trains what was found, `./fx seeds --config fx_ai_finetune_best` says
whether it was luck. `./fx optuna STUDY_FILE` runs any other study, also one of your own.

A transfer fixes the best point of the source, narrows what `transfer.refine` names to `transfer.share` of its range
around that point, and has the source's best `transfer.top` trials tried first. It writes a file of its own; what
people wrote is never changed. What a study took over stays as it is once its trials have begun.

## What a trial is worth

- The value is a **lower bound**, net dollars per validation session: the lower end of the 95 % interval of the mean by
  stationary bootstrap over the sessions; with several seeds, that of the interquartile mean by stratified bootstrap
  over the seeds if it is less. The reward that a trial was trained for is nowhere in it, so reward weights compare.
- It is judged under every one of `objective.conditions`, and the worst counts. What a trial *trains* under (fees,
  impact) may vary; what it is judged under is the same for all.
- `objective.constraints` are told to the sampler, and a trial that breaks one is never the best: here, a policy has to
  trade. `objective.second: drawdown` searches for a front instead.
- Beside the best stands its **deflated Sharpe ratio** over all trials of all studies on the same days. The best of a
  hundred tries looks good without any skill: below 95 % it may be luck.
- Test days are never touched by a trial; the ledger in `cache/trials/` shows every policy that was tried on held-out
  days.

## Trials, workers, machines

- Every trial is a run below `cache/runs`, with the study as its group there and in W&B: the
  [dashboard](dashboard.md) shows it. Days and features are loaded once a worker.
- Scores on the way are reported; a trial that the pruner gives up ends after its rollout.
- Whatever dies, Ctrl-C, `kill -9`, the power: the same command goes on. A trial keeps its number and goes on from its
  newest checkpoint (`training.checkpoint_every_s`), bit by bit as if nothing had happened. One that dies `retries`
  times without getting any further is given up.
- `--jobs N` starts N worker processes that share cores and GPUs. SQLite (`cache/optuna/studies.db`) does for one
  machine. For several, give each the same command with a database, `--storage postgresql://...`, or with a journal on a
  shared disk, `--storage /shared/search.log`; a trial of a machine that is silent for `grace_s` is taken over.
- With one worker the same seed gives the same trials, also after an interruption. Several workers finish in whatever
  order, so TPE learns from another history each time.
- A study whose values would not compare (other days, seeds, conditions, steps) is refused by key; `optuna.name=...`
  begins another.
- W&B takes a second or so a trial; `wandb.mode=disabled` saves it.

## Your own

A study file says what it changes of `config/optuna/_study.yaml`, and may lie anywhere:

```yaml
# Clip range and epochs of the quick configuration.
name: my_search
base: quick
trials: 40
budget: {steps: 65536, evaluations: 4}
sampler: {kind: gp}
space:
  training.clip_range: {kind: float, low: 0.1, high: 0.4}
  training.n_epochs: {kind: int, low: 2, high: 10}
  training.learning_rate_schedule: {kind: categorical, choices: [constant, linear]}
  training.final_learning_rate:  # matters only if there is a schedule
    {kind: float, low: 1.0e-5, high: 1.0e-3, log: true, when: {training.learning_rate_schedule: [linear]}}
```

`./fx optuna my_search.yaml`; `optuna.key=value` changes the study for once, any other `key=value` what all its trials
train. A parameter is any key of `training`, `model`, `reward`, `env`, `curriculum` or `simulation`,
`curriculum.stages[NAME].KEY` or `[*]` for all stages, or a group whose options are the choices. A point that could
not be trained, such as a width that the heads do not divide, is refused before the first trial.

The network has no dropout: PPO compares a policy with itself before the update, and dropout would make the two
differ by chance. `training.target_kl` is what keeps its updates sober. The ranges of phase 1 are wide enough to
hold the defaults.
"""


def optuna_page() -> str:
    """How to, then every study file."""
    known = (ROOT / "docs" / RESULTS).exists()
    measured = f"[Measured]({RESULTS}): three phases, then the test days.\n" if known else ""
    parts = [HOW, measured, "## Study files\n", *(_study(name) for name in study_files()), "## Keys of a study\n"]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _study(name: str) -> str:
    study = load_study(name)
    rows = [[f"`{key}`", _range(one), _when(one)] for key, one in study.space.items()]
    budget = study.budget
    about = (
        f"### {name}\n\n{study_summary(name)}\n\n"
        f"Study `{study.name}`: {study.trials} trials of {budget.steps:,} steps, {study.seeds} seed"
        f"{'' if study.seeds == 1 else 's'} each, {budget.evaluations} scores; sampler {study.sampler.kind}, "
        f"pruner {study.pruner.kind}, curriculum `{study.curriculum}`, base `{study.base}`, {study.jobs} "
        f"worker{'' if study.jobs == 1 else 's'}.{_builds_on(study)}\n\n"
    )
    return about + markdown(["parameter", "range", "only where"], rows)


def _builds_on(study: StudyConfig) -> str:
    if study.transfer.source == NOTHING:
        return ""
    refined = ", ".join(f"`{name}`" for name in study.transfer.refine)
    again = f", and varies again within {study.transfer.share:.0%} of their range: {refined}" if refined else ""
    return f" Builds on {study.transfer.source}: takes its best point{again}."


def _range(one: ParameterConfig) -> str:
    if one.kind == "categorical":
        return ", ".join(f"`{choice}`" for choice in one.choices)
    step = f", step {one.step:g}" if one.step else ""
    return f"{one.low:g} to {one.high:g}{' (log)' if one.log else ''}{', whole' if one.kind == 'int' else ''}{step}"


def _when(one: ParameterConfig) -> str:
    return "; ".join(f"`{name}` is {' or '.join(map(str, values))}" for name, values in one.when.items())


def key_tables(notes: Mapping[tuple[str, str], str]) -> str:
    """Every key of a study. notes: by class and field, what it means."""
    study = load_study("quick_search")
    rows: list[list[str]] = []

    def walk(node: Any, prefix: str) -> None:
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if dataclasses.is_dataclass(value):
                walk(value, f"{prefix}{field.name}.")
            elif field.name != "space":
                rows.append([f"`{prefix}{field.name}`", notes.get((type(node).__name__, field.name), "")])

    walk(cast("Any", study), "")
    names = [field.name for field in dataclasses.fields(ParameterConfig)]
    rows += [[f"`space.KEY.{name}`", notes.get(("ParameterConfig", name), "")] for name in names]
    return markdown(["key", "meaning"], rows)
