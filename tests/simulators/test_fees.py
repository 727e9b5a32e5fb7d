"""Fees against the figures of the brokers' and regulators' schedules."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from simulators.execution_simulator import Rules
from simulators.fees import borrow_fee, commission_nb, locate_rate_nb, rates_on, regulatory_nb
from simulators.layout import DAY
from tests.support.simulation import both, settings
from utils.errors import ConfigError


def day_on(date: str, plan: str) -> np.void:
    row = np.zeros(1, DAY)
    fees = settings(f"simulation/fees={plan}").simulation.fees
    row["sec_rate"], row["taf_per_share"], row["taf_cap"] = rates_on(dt.date.fromisoformat(date), fees)
    return row[0]


def rules_for(plan: str) -> np.void:
    return Rules(settings(f"simulation/fees={plan}").simulation).table[0].copy()


@pytest.mark.parametrize(
    ("plan", "date", "shares", "price", "fees"),
    [
        ("ibkr_fixed", "2026-04-10", 1_000, 0.25, 2.50),  # capped at 1 % of the value
        ("ibkr_fixed", "2026-04-10", 5_000, 5.00, 25.00),
        ("ibkr_fixed", "2026-04-10", -5_000, 5.00, 25.00 + 0.515 + 0.975),
        ("ibkr_fixed", "2026-04-10", 100, 5.00, 1.00),  # the minimum
        ("ibkr_tiered", "2026-04-10", 100, 5.00, 0.35),
        ("ibkr_tiered", "2026-04-10", 1_000, 5.00, 3.50),
        ("zero", "2026-04-10", 5_000, 5.00, 0.0),
        ("zero", "2025-04-15", -5_000, 5.00, 0.695 + 0.83),
        ("zero", "2025-06-02", -5_000, 5.00, 0.83),  # no SEC fee in between
        ("zero", "2025-06-02", -100_000, 1.00, 8.30),  # TAF cap
    ],
)
def test_hand_checked_fees(plan: str, date: str, shares: float, price: float, fees: float) -> None:
    day, rules = day_on(date, plan), rules_for(plan)
    for commission, regulatory in zip(both(commission_nb), both(regulatory_nb), strict=True):
        total = commission(abs(shares), abs(shares) * price, rules) + regulatory(float(shares), price, day)
        assert total == pytest.approx(fees, abs=1e-9)


def test_borrowing_by_hand() -> None:
    """A locate costs 1 % of the price, a cent at least; a night: ceil(1.02 * 4.95) = 6 $ * 1,000 * 50 % / 360."""
    shorts = settings().simulation.shorts
    rules = rules_for("zero")
    assert [locate_rate_nb(price, rules) for price in (0.5, 1.0, 7.5)] == [0.01, 0.01, 0.075]
    assert borrow_fee(-1_000, 4.95, shorts) == pytest.approx(6 * 1_000 * 0.5 / 360)
    assert borrow_fee(-1_000, 5.0, shorts) == pytest.approx(6 * 1_000 * 0.5 / 360)
    assert borrow_fee(-1_000, 50.0, shorts) == pytest.approx(51 * 1_000 * 0.5 / 360)  # 51.00 is a whole dollar already


@pytest.mark.parametrize(
    ("date", "per_million", "taf"),
    [
        ("2025-05-13", 27.80, 0.000166),
        ("2025-05-14", 0.0, 0.000166),
        ("2025-12-31", 0.0, 0.000166),
        ("2026-01-01", 0.0, 0.000195),
        ("2026-04-03", 0.0, 0.000195),
        ("2026-04-04", 20.60, 0.000195),
    ],
)
def test_the_table_changes_on_its_dates(date: str, per_million: float, taf: float) -> None:
    rates = rates_on(dt.date.fromisoformat(date), settings().simulation.fees)
    assert rates.sec_rate * 1e6 == pytest.approx(per_million)
    assert rates.taf_per_share == taf


def test_commission_never_exceeds_the_cap() -> None:
    rules = rules_for("ibkr_fixed")
    for shares in (1.0, 7.0, 150.0, 99_999.0):
        assert commission_nb(shares, shares * 0.37, rules) <= 0.01 * shares * 0.37 + 1e-12


def test_a_date_before_the_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="1999-01-04") as caught:
        rates_on(dt.date(1999, 1, 4), settings().simulation.fees)
    assert "effective_from" in caught.value.fix


def test_a_bad_date_in_the_table_is_refused() -> None:
    fees = settings().simulation.fees
    fees.regulatory[1].effective_from = "2025-05-32"
    with pytest.raises(ConfigError, match="not a date"):
        rates_on(dt.date(2025, 1, 2), fees)
