"""Who presses: order-flow imbalance at the touch and the initiative of trades.

Order-flow imbalance (OFI): Cont, Kukanov and Stoikov, "The price impact of order book events", 2014; its sum over a
window moves the price in proportion to OFI / depth.
"""

from __future__ import annotations

from feature.kernels import window_sum_nb
from feature.registry import WINDOW, Feature, faded, feature, identity, soft
from feature.series import SLOW_S
from utils.jit import njit

WINDOWS_S = (5, 15, 30, 60)
HALFLIVES_S = (20, 60, 120, 300)
SLOW_HALFLIFE_S = 900
SHRINK = 0.1
"""Share of the slow mean that is added below a fraction: an imbalance of very little flow counts for little."""


WINDOW_SCALE, EMA_SCALE = 0.5, 0.25
"""Typical sizes of imbalances in active trading: the longer the average, the smaller."""


@feature(
    Feature(
        name="ofi_Ns",
        branch="hf",
        family="flow",
        formula="sum of OFI over N s / mean displayed size over 300 s",
        inputs=("total(bar.ofi)", "usual_depth"),
        windows=WINDOWS_S,
        params=(WINDOW,),
        units="displayed sizes",
        warm_up=SLOW_S,
        normalise=lambda window: soft(2.0 * window**0.5),
    )
)
@njit
def ofi_nb(total_ofi, usual_depth, window, first, stop, out):
    """Unknown before the first book."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_ofi, t, window) / usual_depth[t]


@feature(
    Feature(
        name="trade_imbalance_Ns",
        branch="hf",
        family="flow",
        formula="(bought - sold) / (bought + sold) shares by initiator over N s",
        inputs=("total(trade_flow)", "total(signed_volume)"),
        windows=WINDOWS_S,
        params=(WINDOW,),
        units="share",
        normalise=identity(WINDOW_SCALE),
        low=-1.0 / WINDOW_SCALE,
        high=1.0 / WINDOW_SCALE,
    )
)
@njit
def trade_imbalance_nb(total_flow, total_volume, window, first, stop, out):
    """Unknown without a trade in the window."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_flow, t, window) / window_sum_nb(total_volume, t, window)


@feature(
    *(
        Feature(
            name=f"{name}_ema_Ns",
            branch="static",
            family="flow",
            formula=f"EMA({net}) / (EMA({gross}) + {SHRINK} EMA{SLOW_HALFLIFE_S}({gross})), half-life N s",
            inputs=(f"ema({signed}, N)", f"ema({size}, N)", f"ema({size}, {SLOW_HALFLIFE_S})"),
            windows=halflives,
            units="share",
            normalise=identity(EMA_SCALE),
            low=-1.0 / EMA_SCALE,
            high=1.0 / EMA_SCALE,
            warm_up=lambda window: faded(max(window, SLOW_HALFLIFE_S)),
        )
        for name, net, gross, signed, size, halflives in (
            ("ofi", "OFI", "|OFI|", "bar.ofi", "ofi_size", HALFLIVES_S),
            ("trade_imbalance", "bought - sold", "bought + sold", "trade_flow", "signed_volume", HALFLIVES_S[:3]),
        )
    )
)
@njit
def imbalance_ema_nb(net, gross, usual, first, stop, out):
    """Slow pressure; unknown before the first flow."""
    for t in range(first, stop):
        out[t] = net[t] / (gross[t] + SHRINK * usual[t])
