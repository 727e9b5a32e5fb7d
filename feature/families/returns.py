"""How far and how wildly the mid has moved, second by second."""

from __future__ import annotations

import numpy as np

from feature.registry import Feature, feature, log, soft
from utils.jit import njit

HORIZONS_S = (1, 5, 10, 30, 60)


@feature(
    *(
        Feature(
            name=f"return_{h}s",
            branch="hf",
            family="returns",
            formula=f"ln(mid[t] / mid[t-{h}]) / (sigma[t] sqrt({h}))",
            inputs=("log_mid", "sigma"),
            params=(h,),
            units="standard deviations",
            normalise=soft(),
            window=h,
            warm_up=h,
        )
        for h in HORIZONS_S
    )
)
@njit
def return_nb(log_mid, sigma, horizon, out):
    """sigma is the trailing volatility of one second; unknown before `horizon` seconds of prices."""
    root = np.sqrt(horizon)
    for t in range(out.shape[0]):
        out[t] = (log_mid[t] - log_mid[t - horizon]) / (sigma[t] * root) if t >= horizon else np.nan


@feature(
    Feature(
        name="volatility_60s",
        branch="hf",
        family="returns",
        formula="root mean square of the last 60 one-second log returns of the mid, x 10,000",
        inputs=("volatility_60s",),
        units="basis points",
        normalise=log(1.0),
        low=0.0,
        window=60,
        warm_up=60,
    )
)
@njit
def volatility_bps_nb(volatility, out):
    """Realised volatility of one second."""
    for t in range(out.shape[0]):
        out[t] = 1e4 * volatility[t]


@feature(
    Feature(
        name="volatility_ratio",
        branch="hf",
        family="returns",
        formula="ln((volatility of 60 s + 0.5 bp) / (trailing volatility, half-life 300 s, + 0.5 bp))",
        inputs=("volatility_60s", "sigma", "mid"),
        units="log ratio",
        normalise=soft(),
        window=300,
        warm_up=300,
    )
)
@njit
def volatility_ratio_nb(volatility, sigma, mid, out):
    """Is the market waking up? Half a basis point keeps silence from dividing by nothing. Unknown without a price."""
    for t in range(out.shape[0]):
        out[t] = np.log((volatility[t] + 0.5e-4) / (sigma[t] + 0.5e-4)) if mid[t] > 0.0 else np.nan


@feature(
    Feature(
        name="return_300s",
        branch="static",
        family="returns",
        formula="ln(mid[t] / mid[t-300])",
        inputs=("log_mid",),
        params=(300,),
        units="log return",
        normalise=log(0.005),
        window=300,
        warm_up=300,
    )
)
@njit
def raw_return_nb(log_mid, horizon, out):
    """Plain rate of change, in proportion to the costs of trading."""
    for t in range(out.shape[0]):
        out[t] = log_mid[t] - log_mid[t - horizon] if t >= horizon else np.nan
