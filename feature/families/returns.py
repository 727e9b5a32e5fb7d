"""How far and how wildly the mid has moved, second by second."""

from __future__ import annotations

import numpy as np

from feature.registry import WINDOW, Feature, feature, log, soft
from feature.series import SIGMA_WARM_UP_S
from utils.jit import njit


@feature(
    Feature(
        name="return_Ns",
        branch="hf",
        family="returns",
        formula="ln(mid[t] / mid[t-N]) / (sigma[t] sqrt(N))",
        inputs=("log_mid", "sigma"),
        windows=(1, 2, 5, 10, 30, 60, 120),
        params=(WINDOW,),
        units="standard deviations",
        warm_up=SIGMA_WARM_UP_S,
        normalise=soft(),
    )
)
@njit
def return_nb(log_mid, sigma, horizon, first, stop, out):
    """sigma is the trailing volatility of one second; unknown before `horizon` seconds of prices."""
    root = np.sqrt(horizon)
    for t in range(first, stop):
        out[t] = (log_mid[t] - log_mid[t - horizon]) / (sigma[t] * root) if t >= horizon else np.nan


@feature(
    *(
        Feature(
            name=name,
            branch=branch,
            family="returns",
            formula=f"root mean square of the last {window} one-second log returns of the mid, x 10,000",
            inputs=(f"rms(total(move_squared), {window})",),
            units="basis points",
            normalise=log(1.0),
            low=0.0,
            window=window,
            warm_up=window,
        )
        for name, branch, window in (
            ("volatility_10s", "hf", 10),
            ("volatility_60s", "hf", 60),
            ("volatility_300s", "static", 300),
        )
    )
)
@njit
def volatility_bps_nb(volatility, first, stop, out):
    """Realised volatility of one second."""
    for t in range(first, stop):
        out[t] = 1e4 * volatility[t]


@feature(
    Feature(
        name="volatility_ratio",
        branch="hf",
        family="returns",
        formula="ln((volatility of 60 s + 0.5 bp) / (trailing volatility, half-life 300 s, + 0.5 bp))",
        inputs=("rms(total(move_squared), 60)", "sigma", "mid"),
        units="log ratio",
        normalise=soft(),
        window=300,
        warm_up=SIGMA_WARM_UP_S,
    )
)
@njit
def volatility_ratio_nb(volatility, sigma, mid, first, stop, out):
    """Is the market waking up? Half a basis point keeps silence from dividing by nothing. Unknown without a price."""
    for t in range(first, stop):
        out[t] = np.log((volatility[t] + 0.5e-4) / (sigma[t] + 0.5e-4)) if mid[t] > 0.0 else np.nan


@feature(
    Feature(
        name="change_Ns",
        branch="static",
        family="returns",
        formula="ln(mid[t] / mid[t-N])",
        inputs=("log_mid",),
        windows=(300,),
        params=(WINDOW,),
        units="log return",
        normalise=log(0.005),
    )
)
@njit
def raw_return_nb(log_mid, horizon, first, stop, out):
    """Plain rate of change, in proportion to the costs of trading."""
    for t in range(first, stop):
        out[t] = log_mid[t] - log_mid[t - horizon] if t >= horizon else np.nan
