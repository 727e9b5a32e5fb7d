"""The same work the usual way: databento's `to_df`, then pandas resample, rolling and ewm. A baseline, not the product.

Vectorised throughout, as one would write it by hand in a notebook. It computes most of the registered features (without
halts, price bands and what differs only in a parameter), with the registry's scales, so it is also an oracle.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas

from data.layout import F_LAST, MINUTES, SECONDS, Bar
from feature.registry import LIMIT, Shape, registered

pd: Any = pandas  # its annotations make a union of a dozen types of every expression
Frame = Any
Series = Any
Columns = dict[str, Series]


class DayFacts(NamedTuple):
    """What is known before the day begins."""

    previous_close: float
    open_s: int
    close_s: int
    end_s: int
    daily: npt.NDArray[np.float64]  # [30, 5]
    clock_volume: npt.NDArray[np.float64]  # [960]


def day_features(path: Path, symbol: str, date: dt.date, facts: DayFacts) -> dict[str, Frame]:
    """File -> features of one day, float32, by branch. `path` is an mbp-1 file."""
    return features(read_seconds(path, symbol, date), facts)


# ---------------------------------------------------------------- file -> seconds
def read_seconds(path: Path, symbol: str, date: dt.date) -> Frame:
    """The 1-second bars of an mbp-1 file: [57600] rows from 04:00 New York, columns as `Bar` in lower case."""
    import databento

    records = databento.DBNStore.from_file(path).to_df()  # float prices, NaN where undefined, index ts_recv
    start = pd.Timestamp(date.isoformat() + " 04:00", tz="America/New_York").tz_convert("UTC")
    seconds = pd.date_range(start, periods=SECONDS, freq="s")
    records = records[(records["symbol"] == symbol) & (records.index >= start)]
    records = records[records.index < start + pd.Timedelta(seconds=SECONDS)]
    valid = _valid(records)
    frame = pd.concat([_trade_bars(records, valid, seconds), _book_bars(_book(records[valid]), seconds)], axis=1)
    frame["halted"] = 0.0
    return frame.reset_index(drop=True)


def _valid(records: Frame) -> Series:
    """Records whose book counts. A trade's record carries the book before the trade, or none."""
    one_sided = records["bid_px_00"].isna() | records["ask_px_00"].isna()
    complete = ((records["flags"] & F_LAST) > 0) | (records["action"] == "R")
    return complete & ~((records["action"] == "T") & one_sided)


def _book(records: Frame) -> Frame:
    """Books in order, with their order-flow imbalance."""
    book = records[["bid_px_00", "ask_px_00", "bid_sz_00", "ask_sz_00"]].astype(float)
    book.columns = ["bid", "ask", "bid_size", "ask_size"]
    before = book.shift()
    changed = (book.fillna(-1) != before.fillna(-1)).any(axis=1)
    bid = np.where(book["bid"] >= before["bid"].fillna(-np.inf), book["bid_size"], 0.0)
    bid -= np.where(book["bid"].fillna(-np.inf) <= before["bid"], before["bid_size"], 0.0)
    ask = np.where(book["ask"] <= before["ask"].fillna(np.inf), book["ask_size"], 0.0)
    ask -= np.where(book["ask"].fillna(np.inf) >= before["ask"], before["ask_size"], 0.0)
    told = book[["bid", "ask"]].notna().any(axis=1) & before[["bid", "ask"]].notna().any(axis=1)
    return book.assign(ofi=(bid - ask) * told.to_numpy(), quotes=changed.astype(float))


def _book_bars(book: Frame, seconds: Any) -> Frame:
    good = book[book["bid"] <= book["ask"]]
    last = good[["bid", "ask", "bid_size", "ask_size"]].resample("1s").last().reindex(seconds).ffill()
    last["has_quote"] = last["bid"].notna().astype(float)
    sums = book[["ofi", "quotes"]].resample("1s").sum().reindex(seconds)
    fresh = (book["quotes"] > 0) | ~book.index.floor("s").duplicated()  # a repeated book is news once a second
    arrived = book.index.to_series()[fresh.to_numpy()].resample("1s").last().reindex(seconds).ffill()
    age = (seconds + pd.Timedelta(seconds=1) - arrived).dt.total_seconds().fillna(1e9)
    return pd.concat([last, sums], axis=1).fillna(0.0).assign(quote_age=age)


def _initiator(records: Frame, valid: Series, traded: Series) -> Series:
    """+1 buyer, -1 seller, 0 unknown: the feed's word, else the quote rule on the standing book, else the tick rule."""
    price, side = records.loc[traded, "price"], records.loc[traded, "side"]
    standing = np.maximum.accumulate(np.where(valid, np.arange(len(records)), 0))[traded]
    bid, ask = (records[c].to_numpy()[standing] for c in ("bid_px_00", "ask_px_00"))
    quote_rule = np.where(bid <= ask, np.sign((2 * price.to_numpy() - bid - ask).round(6)), 0.0)
    tick_rule = np.sign(price.diff()).replace(0.0, np.nan).ffill().fillna(0.0)
    told = (side == "B").astype(float) - (side == "A").astype(float)
    return told.where(told != 0, np.where(quote_rule != 0, quote_rule, tick_rule))


def _trade_bars(records: Frame, valid: Series, seconds: Any) -> Frame:
    traded = (records["action"] == "T") & (records["size"] > 0)
    trades, initiator = records.loc[traded, ["price", "size"]], _initiator(records, valid, traded)
    size = trades["size"].astype(float)
    bars = trades["price"].resample("1s").ohlc()
    parts = pd.DataFrame(
        {
            "volume": size,
            "trades": 1.0,
            "buy_volume": size.where(initiator > 0, 0.0),
            "sell_volume": size.where(initiator < 0, 0.0),
            "notional": size * trades["price"],
        }
    )
    bars = pd.concat([bars, parts.resample("1s").sum(), size.resample("1s").max().rename("largest")], axis=1)
    bars = bars.reindex(seconds)
    bars["has_trade"] = bars["open"].notna().astype(float)
    bars["close"] = bars["close"].ffill()
    for column in ("open", "high", "low"):
        bars[column] = bars[column].fillna(bars["close"])
    return bars.fillna(0.0)


def seconds_of(bars: npt.NDArray[np.float64], quote_age: npt.NDArray[np.float64]) -> Frame:
    """`MarketDay.bars` as a frame, to compare features on equal inputs."""
    return pd.DataFrame(bars, columns=[column.name.lower() for column in Bar]).assign(quote_age=quote_age)


# ---------------------------------------------------------------- seconds -> features
def features(seconds: Frame, facts: DayFacts) -> dict[str, Frame]:
    """Normalised features by branch, float32; columns in registry order."""
    raw = {**_per_second(seconds, facts), **_minute(seconds, facts), **_daily(facts)}
    tables: dict[str, Columns] = {"hf": {}, "mf": {}, "lf": {}, "static": {}}
    for entry in registered():
        declared = entry.feature
        if declared.name in raw:
            x = raw[declared.name].replace([np.inf, -np.inf], np.nan).fillna(0.0) / declared.scaling.scale
            if declared.scaling.shape == Shape.SOFT:
                x = x / np.sqrt(1 + (x / LIMIT) ** 2)
            elif declared.scaling.shape == Shape.LOG:
                x = np.sign(x) * np.log1p(x.abs())
            tables[declared.branch][declared.name] = x.clip(-LIMIT, LIMIT).astype(np.float32)
    return {branch: pd.DataFrame(columns) for branch, columns in tables.items()}


def _mid(s: Frame) -> Series:
    book = (s["bid"] + s["ask"]) / 2
    usable = (s["ask"] - s["bid"] <= 0.1 * book) | (s["close"] <= 0)
    quoted = book.where(usable, s["close"].clip(s["bid"], s["ask"]))
    mid = s["close"].where(s["has_quote"] == 0, quoted)
    return mid.where(mid > 0)


def _per_second(s: Frame, facts: DayFacts) -> Columns:
    mid = _mid(s)
    spread = ((s["ask"] - s["bid"]) / mid).where(s["has_quote"] > 0, 0.0)
    move = np.log(mid).diff().fillna(0.0)
    sigma = np.sqrt((move**2).ewm(halflife=300, adjust=False).mean()).clip(lower=0.5e-4)
    sigma = np.maximum(sigma, 0.1 * spread)
    known = {"mid": mid, "spread": spread, "move": move, "sigma": sigma}
    frame = pd.DataFrame(known)
    return {**_returns(frame), **_flow(s), **_book_state(s, frame), **_activity(s), **_levels(s, mid, facts)}


def _returns(f: Frame) -> Columns:
    log_mid = np.log(f["mid"])
    realised = np.sqrt((f["move"] ** 2).rolling(60, min_periods=1).mean())
    out = {f"return_{h}s": log_mid.diff(h) / (f["sigma"] * np.sqrt(h)) for h in (1, 5, 10, 30, 60)}
    out["change_300s"] = log_mid.diff(300)
    out["volatility_60s"] = 1e4 * realised
    out["volatility_ratio"] = np.log((realised + 0.5e-4) / (f["sigma"] + 0.5e-4)).where(f["mid"] > 0)
    minute_end = log_mid.iloc[59::60].set_axis(np.arange(1, MINUTES + 1))
    minute = pd.Series(np.arange(SECONDS) // 60)
    out["minute_return"] = log_mid - minute.map(minute_end)
    groups = f["mid"].groupby(minute.to_numpy())
    low, high = groups.cummin(), groups.cummax()
    out["minute_position"] = _position(f["mid"], low, high)
    return out


def _position(x: Series, low: Series, high: Series) -> Series:
    return (2 * (x - low) / (high - low) - 1).where(high - low > 1e-9 * high)


def _flow(s: Frame) -> Columns:
    depth = ((s["bid_size"] + s["ask_size"]) / 2).where(s["has_quote"] > 0)
    usual_depth = depth.rolling(300, min_periods=1).mean()
    flow, volume = s["buy_volume"] - s["sell_volume"], s["buy_volume"] + s["sell_volume"]
    out: Columns = {"depth_ratio": np.log(depth / usual_depth)}
    for w in (5, 15, 30, 60):
        out[f"ofi_{w}s"] = s["ofi"].rolling(w, min_periods=1).sum() / usual_depth
        bought_less_sold = flow.rolling(w, min_periods=1).sum()
        out[f"trade_imbalance_{w}s"] = bought_less_sold / volume.rolling(w, min_periods=1).sum()
    for name, signed, size in (("ofi", s["ofi"], s["ofi"].abs()), ("trade_imbalance", flow, volume)):
        usual = size.ewm(halflife=900, adjust=False).mean()
        for h in (20, 60, 120):
            gross = size.ewm(halflife=h, adjust=False).mean()
            out[f"{name}_ema_{h}s"] = signed.ewm(halflife=h, adjust=False).mean() / (gross + 0.1 * usual)
    return out


def _book_state(s: Frame, f: Frame) -> Columns:
    lean = (s["bid_size"] - s["ask_size"]) / (s["bid_size"] + s["ask_size"])
    traded = s["trades"].cumsum() > 0
    middle = (s["bid"] + s["ask"]) / 2
    usual_spread = f["spread"].where(s["has_quote"] > 0).rolling(300, min_periods=1).mean()
    return {
        "queue_imbalance": lean,
        "microprice": 1e4 * 0.5 * f["spread"] * lean,
        "last_trade": ((s["close"] - middle) / (s["ask"] - s["bid"])).where(traded),
        "relative_spread": 1e4 * f["spread"],
        "spread_ratio": np.log(f["spread"] / usual_spread),
        "quote_rate": _surge(s["quotes"], 10),
        "quote_age": s["quote_age"],
        "has_quote": s["has_quote"],
        "halted": s["halted"],
    }


def _surge(x: Series, fast: int) -> Series:
    return x.rolling(fast, min_periods=1).mean() / x.rolling(300, min_periods=1).mean()


def _activity(s: Frame) -> Columns:
    volume = s["volume"]
    little = 0.01 * volume.cumsum() / np.arange(1, SECONDS + 1)
    fast, slow = (volume.ewm(halflife=h, adjust=False).mean() for h in (20, 900))
    largest = s["largest"].rolling(30, min_periods=1).max()
    return {
        "trade_surge": _surge(s["trades"], 10),
        "volume_surge": _surge(volume, 10),
        "volume_surge_60s": _surge(volume, 60),
        "large_trade_share": largest / volume.rolling(30, min_periods=1).sum(),
        "has_trade": s["has_trade"],
        "volume_trend": np.log((fast + little) / (slow + little)),
    }


def _levels(s: Frame, mid: Series, facts: DayFacts) -> Columns:
    t = np.arange(1, SECONDS + 1)
    high, low = mid.rolling(300, min_periods=1).max(), mid.rolling(300, min_periods=1).min()
    ends = np.concatenate([[0.0], facts.clock_volume])
    usual = np.interp(t / 60.0, np.arange(MINUTES + 1), ends)
    little = 0.01 * facts.clock_volume[-1]
    half, whole = ((mid / step).add(0.5).floordiv(1).clip(lower=1) * step for step in (0.5, 1.0))
    return {
        "gain": np.log(mid / facts.previous_close),
        "from_high": np.log(mid / s["high"].where(s["high"] > 0).cummax()),
        "from_low": np.log(mid / s["low"].where(s["low"] > 0).cummin()),
        "from_vwap": np.log(mid / (s["notional"].cumsum() / s["volume"].cumsum())),
        "range_position": _position(mid, low, high),
        "half_dollar": (mid - half) / mid,
        "whole_dollar": (mid - whole) / mid,
        "price_level": np.log(mid / 5.0),
        "relative_volume": np.log((s["volume"].cumsum() + little) / (usual + little)),
        "time_sin": pd.Series(np.sin(2 * np.pi * t / SECONDS)),
        "time_cos": pd.Series(np.cos(2 * np.pi * t / SECONDS)),
        "to_open": pd.Series(facts.open_s - t),
        "to_close": pd.Series(facts.close_s - t),
        "regular": pd.Series(((t >= facts.open_s) & (t < facts.close_s)).astype(float)),
    }


def _minute(s: Frame, facts: DayFacts) -> Columns:
    minute = np.arange(SECONDS) // 60
    traded = s["has_trade"] > 0
    prices = s[traded].groupby(minute[traded])
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    bars = prices[list(how)].agg(how).reindex(range(MINUTES))
    bars["close"] = bars["close"].ffill()
    bars = bars.apply(lambda column: column.fillna(bars["close"]))
    o, h, low, c = (bars[name] for name in how)
    total = s[["volume", "buy_volume", "sell_volume", "ofi", "notional"]].groupby(minute).sum()
    ofi_size = s["ofi"].abs().groupby(minute).sum()
    usual = pd.Series(np.diff(facts.clock_volume, prepend=0.0))
    little = 0.1 * facts.clock_volume[-1] / MINUTES
    body = bars[["open", "close"]]
    out: Columns = {
        "bar_return": np.log(c).diff(),
        "bar_range": np.log(h / low),
        "bar_body": np.log(c / o),
        "bar_vwap": np.log(c / (total["notional"].cumsum() / total["volume"].cumsum())),
        "bar_upper_wick": (h - body.max(axis=1)) / (h - low),
        "bar_lower_wick": (body.min(axis=1) - low) / (h - low),
        "bar_close_location": 2 * (c - low) / (h - low) - 1,
        "bar_relative_volume": np.log((total["volume"] + little) / (usual + little)),
        "bar_buy_share": (total["buy_volume"] - total["sell_volume"]) / (total["buy_volume"] + total["sell_volume"]),
        "bar_ofi": total["ofi"] / ofi_size,
    }
    for span in (9, 20):
        out[f"bar_ema{span}"] = np.log(c / c.ewm(span=span, adjust=False).mean())
    return out


def _daily(facts: DayFacts) -> Columns:
    d = pd.DataFrame(facts.daily, columns=["open", "high", "low", "close", "volume"])
    d = d.where(d["volume"] > 0)
    return {
        "daily_return": np.log(d["close"]).diff(),
        "daily_gap": np.log(d["open"] / d["close"].shift()),
        "daily_range": np.log(d["high"] / d["low"]),
        "daily_close_location": 2 * (d["close"] - d["low"]) / (d["high"] - d["low"]) - 1,
        "daily_relative_volume": np.log(d["volume"] / d["volume"].shift().rolling(20, min_periods=1).mean()),
    }
