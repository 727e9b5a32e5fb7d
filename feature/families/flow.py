"""Who presses: order-flow imbalance at the touch and the initiative of trades.

Order-flow imbalance (OFI): Cont, Kukanov and Stoikov, "The price impact of order book events", 2014; its sum over a
window moves the price in proportion to OFI / depth.
"""

from __future__ import annotations

from feature.kernels import decay_nb, flush_nb, window_sum_nb
from feature.registry import Feature, feature, identity, soft
from utils.jit import njit

WINDOWS_S = (5, 15, 30, 60)
HALFLIVES_S = (20, 60, 120, 300)
SLOW_HALFLIFE_S = 900.0
SHRINK = 0.1
"""Share of the slow mean that is added below a fraction: an imbalance of very little flow counts for little."""


WINDOW_SCALE, EMA_SCALE = 0.5, 0.25
"""Typical sizes of imbalances in active trading: the longer the average, the smaller."""


@feature(
    *(
        Feature(
            name=f"ofi_{w}s",
            branch="hf",
            family="flow",
            formula=f"sum of OFI over {w} s / mean displayed size over 300 s",
            inputs=("prefix:bar.ofi", "usual_depth"),
            params=(w,),
            units="displayed sizes",
            normalise=soft(2.0 * w**0.5),
            window=w,
            warm_up=w,
        )
        for w in WINDOWS_S
    )
)
@njit
def ofi_nb(prefix_ofi, usual_depth, window, out):
    """Unknown before the first book."""
    for t in range(out.shape[0]):
        out[t] = window_sum_nb(prefix_ofi, t, window) / usual_depth[t]


@feature(
    *(
        Feature(
            name=f"trade_imbalance_{w}s",
            branch="hf",
            family="flow",
            formula=f"(bought - sold) / (bought + sold) shares by initiator over {w} s",
            inputs=("prefix:trade_flow", "prefix:signed_volume"),
            params=(w,),
            units="share",
            normalise=identity(WINDOW_SCALE),
            low=-1.0 / WINDOW_SCALE,
            high=1.0 / WINDOW_SCALE,
            window=w,
            warm_up=w,
        )
        for w in WINDOWS_S
    )
)
@njit
def trade_imbalance_nb(prefix_flow, prefix_volume, window, out):
    """Unknown without a trade in the window."""
    for t in range(out.shape[0]):
        out[t] = window_sum_nb(prefix_flow, t, window) / window_sum_nb(prefix_volume, t, window)


@feature(
    *(
        Feature(
            name=f"{name}_ema_{h}s",
            branch="static",
            family="flow",
            formula=f"EMA({net}) / (EMA({gross}) + 0.1 EMA900({gross})), half-life {h} s",
            inputs=inputs,
            params=(float(h),),
            units="share",
            normalise=identity(EMA_SCALE),
            low=-1.0 / EMA_SCALE,
            high=1.0 / EMA_SCALE,
            window=h,
            warm_up=2 * h,
        )
        for name, net, gross, inputs, halflives in (
            ("ofi", "OFI", "|OFI|", ("bar.ofi", "ofi_size"), HALFLIVES_S),
            ("trade_imbalance", "bought - sold", "bought + sold", ("trade_flow", "signed_volume"), HALFLIVES_S[:3]),
        )
        for h in halflives
    )
)
@njit
def imbalance_ema_nb(signed, size, halflife, out):
    """Slow pressure; unknown before the first flow. Means are weighted as by pandas `ewm(adjust=True)`."""
    fast, slow = decay_nb(halflife), decay_nb(SLOW_HALFLIFE_S)
    net = gross = usual = fast_weight = slow_weight = 0.0
    for t in range(out.shape[0]):
        net = flush_nb(fast * net) + signed[t]
        gross = flush_nb(fast * gross) + size[t]
        usual = flush_nb(slow * usual) + size[t]
        fast_weight = fast * fast_weight + 1.0
        slow_weight = slow * slow_weight + 1.0
        out[t] = net / (gross + SHRINK * usual * fast_weight / slow_weight)
