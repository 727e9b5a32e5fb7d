"""Speed from file to features."""

from __future__ import annotations

import warnings

from scripts.bench.days import heavy_day
from scripts.bench.pandas_pipeline import DayFacts, day_features
from scripts.bench.registry import Figure, alternate, benchmark


@benchmark("pipeline.ratio_pandas")
def pipeline(quick: bool) -> list[Figure]:
    """one heavy day from its file to all features, nothing cached, against databento's to_df and pandas."""
    bench = heavy_day()
    day = bench.days[0]
    path = next(p for p in bench.data.provider.source_files(day.symbol, day.date) if ".mbp-1." in p.name)
    facts = DayFacts(day.previous_close, day.open_s, day.close_s, day.end_s, day.daily, day.clock_volume)

    def ours() -> None:
        bench.extractor.build(bench.simulator.build(day.symbol, day.date))

    def pandas() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # logarithms of values that are not known yet
            day_features(path, day.symbol, day.date, facts)

    fast, slow = alternate(ours, pandas, 2 if quick else 5)
    return [Figure("pipeline.ratio_pandas", fast, "s", slow, slow / fast)]
