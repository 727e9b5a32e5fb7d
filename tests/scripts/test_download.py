"""Downloads: the official client against a server on loopback that serves the sample market's files."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from config.compose import load_config
from config.schema import Config
from data.data_manager import open_data
from data.databento_provider import DatabentoProvider
from data.download.gateway import Gateway
from data.download.ledger import FILE, Ledger
from data.scanner.daily import TO_TIMELINE, screen
from scripts.command import exit_code
from scripts.download import run
from simulators.market_simulator import MarketSimulator
from tests.support.databento_server import KEY, DatabentoServer, Fault, Market
from utils.errors import EXIT_USER_ERROR, ConfigError

DAYS = ["--start", "2025-03-06", "--end", "2025-03-11"]
"""Four sessions, the clocks change between the second and the third: the first two reach into the next UTC date."""
SESSIONS = [dt.date(2025, 3, day) for day in (6, 7, 10, 11)]


@pytest.fixture(scope="module")
def market(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """What is for sale."""
    return Market(sample_folder, tmp_path_factory.mktemp("market"))


@pytest.fixture
def server(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[DatabentoServer]:
    """A server over the sample market; whatever happens, the key is nowhere but in the environment."""
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    scratch = tmp_path / "server"
    scratch.mkdir()
    with DatabentoServer(market, scratch) as made:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.certificate))
        yield made
    assert KEY not in "".join(capfd.readouterr())
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert KEY.encode() not in path.read_bytes(), path


def config_of(server: DatabentoServer, folder: Path) -> Config:
    return load_config("download", server.overrides(folder))


def download(server: DatabentoServer, folder: Path, *words: str, yes: bool = True) -> int:
    return run([*words, *(["--yes"] if yes else []), *server.overrides(folder)])


def files(folder: Path) -> set[str]:
    found = {path.relative_to(folder / "dnb").as_posix() for path in (folder / "dnb").rglob("*.dbn.zst")}
    return {path for path in found if not path.startswith(".")}


def same_days(server: DatabentoServer, folder: Path, sample: Path, symbols: list[str]) -> None:
    """Timelines of what was downloaded are those of the market that the server sells."""
    config = config_of(server, folder)
    theirs = load_config("download", [f"data.folder={sample}", f"data.cache={folder / 'theirs'}", "data.source=files"])
    ours = open_data(config.data, config.sample, config.timeline)
    true = open_data(theirs.data, theirs.sample, theirs.timeline)
    for symbol in symbols:
        dates = [date for date in SESSIONS if "mbp-1" in true.provider.schemas(symbol, date)]
        assert len(dates) >= 2
        for date in dates:
            made = MarketSimulator(ours, config.timeline, folder / "cache").day(symbol, date)
            want = MarketSimulator(true, theirs.timeline, folder / "theirs").day(symbol, date)
            np.testing.assert_array_equal(made.bars, want.bars)
            np.testing.assert_array_equal(made.quotes, want.quotes)
            np.testing.assert_array_equal(made.halts, want.halts)


def test_what_is_downloaded_is_the_market_and_is_paid_once(
    server: DatabentoServer, tmp_path: Path, sample_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert download(server, tmp_path, "--symbols", "mlgo, SNTI", *DAYS) == 0
    assert "18 files" in capfd.readouterr().out  # 2 symbols x (4 mbp-1 + 4 status + 1 daily)
    assert "mlgo/2025-03-06.mbp-1.dbn.zst" in files(tmp_path)
    assert "snti/2025-03-05_2025-03-11.ohlcv-1d.dbn.zst" in files(tmp_path)
    same_days(server, tmp_path, sample_folder, ["MLGO", "SNTI"])
    bought = server.count("get_range")
    assert download(server, tmp_path, "--symbols", "MLGO,SNTI", *DAYS, yes=False) == 0
    assert "everything is there already" in capfd.readouterr().out
    assert server.count("get_range") == bought
    (tmp_path / "dnb/mlgo/2025-03-07.status.dbn.zst").unlink()
    assert download(server, tmp_path, "--symbols", "MLGO", *DAYS) == 0
    assert server.count("get_range") == bought + 1


def test_streams_are_kept_as_one_frame_with_a_checksum(server: DatabentoServer, tmp_path: Path) -> None:
    download(server, tmp_path, "--symbols", "MLGO", "--start", "2025-03-06", "--schemas", "mbp-1")
    provider = DatabentoProvider(tmp_path / "dnb", config_of(server, tmp_path).data)
    (file,) = provider.files
    assert file.checksum
    assert not provider.quarantined
    line = json.loads((tmp_path / "dnb" / FILE).read_text().splitlines()[-1])
    assert line["size"] == file.size
    assert line["records"] > 1000


def test_prices_come_first_and_nothing_is_bought_without_a_word(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--symbols", "MLGO", *DAYS, *server.overrides(tmp_path)]
    assert run([*words, "--estimate"]) == 0
    told = capfd.readouterr().out
    records = sum(len(server.market.records("mbp-1", "MLGO", *_span(date))) for date in SESSIONS)
    assert f"{records * 0.001:,.2f}" in told
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert exit_code(run, words) == EXIT_USER_ERROR
    assert "add --yes" in capfd.readouterr().err
    assert exit_code(run, [*words, "--yes", "download.budget_usd=1"]) == EXIT_USER_ERROR
    assert "the budget is $1.00: nothing was bought" in capfd.readouterr().err
    assert server.count("get_range") == 0
    assert files(tmp_path) == set()


def _span(date: dt.date) -> tuple[int, int]:
    from data.calendar import session

    return session(date).start_ns, session(date).end_ns


def test_what_waiting_heals_is_tried_again(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.faults["get_range"] = [Fault(503), Fault(504), Fault(429, (("Retry-After", "0"),)), Fault("cut")]
    words = ["--symbols", "MLGO", "--start", "2025-03-06", "--schemas", "status"]
    assert download(server, tmp_path, *words, "download.connections=1") == 0
    assert server.count("get_range") == 5
    assert capfd.readouterr().err.count("once more in") == 4
    assert files(tmp_path) == {"mlgo/2025-03-06.status.dbn.zst"}


def test_a_server_that_stays_broken_costs_one_piece(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--symbols", "MLGO", *DAYS, "--schemas", "status", "--yes", *server.overrides(tmp_path)]
    server.faults["get_range"] = [Fault("cut")] * 3
    assert exit_code(run, [*words, "download.tries=3", "download.connections=1"]) == EXIT_USER_ERROR
    assert "what is here already is kept" in capfd.readouterr().err
    with (tmp_path / "dnb" / FILE).open("ab") as ledger:
        ledger.write(b'{"dataset": "half a li')  # the power went
    had = files(tmp_path)
    assert len(had) < len(SESSIONS)
    bought = server.count("get_range")
    assert run(words) == 0
    assert server.count("get_range") == bought + len(SESSIONS) - len(had)
    assert len(files(tmp_path)) == len(SESSIONS)


def test_refusals_say_what_to_do_and_are_not_repeated(server: DatabentoServer, tmp_path: Path) -> None:
    gateway = Gateway(config_of(server, tmp_path).download)
    refusals = {401: "not know the key", 402: "payment details", 403: "not allowed", 400: "refuses", 422: "refuses"}
    for status, told in refusals.items():
        server.faults["get_cost"] = [Fault(status)]
        with pytest.raises(ConfigError, match=told) as why:
            gateway.cost("status", ["MLGO"], _span(SESSIONS[0]))
        assert why.value.fix
        assert why.value.where == server.url
    assert server.count("get_cost") == len(refusals)


def test_without_a_key_and_with_a_wrong_one(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--symbols", "MLGO", "--start", "2025-03-06", *server.overrides(tmp_path)]
    monkeypatch.setenv("DATABENTO_API_KEY", "db-another-key")
    assert exit_code(run, words) == EXIT_USER_ERROR
    told = capfd.readouterr().err
    assert "does not know the key" in told
    assert "db-another-key" not in told
    monkeypatch.delenv("DATABENTO_API_KEY")
    assert exit_code(run, words) == EXIT_USER_ERROR
    assert "export DATABENTO_API_KEY=" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--start", "2025-03-06"], "--candidates"),
        (["--symbols", "MLGO"], "--start 2025-04-01"),
        (["--symbols", "MLGO", "--start", "2025-03-08", "--end", "2025-03-09"], "no session"),
        (["--symbols", "MLGO", "--start", "2025-03-06", "--schemas", "mbp1"], "mbp-1"),
        (["--symbols", "ALL", "--start", "2025-03-06"], "--schemas ohlcv-1d of all"),
        (["--universe", "nowhere.dbn.zst", "--start", "2025-03-06"], "no such universe file"),
        (["--candidates", "--start", "2025-03-06"], "--symbols ALL --schemas ohlcv-1d"),
        (["--symbol", "MLGO"], "use --symbols"),
    ],
)
def test_wrong_words(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert exit_code(run, [*words, *server.overrides(tmp_path)]) == EXIT_USER_ERROR
    assert told in capfd.readouterr().err


def test_days_that_are_missing_or_poor_are_said_and_noted(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.missing, server.degraded = {SESSIONS[1]}, {SESSIONS[2]}
    assert download(server, tmp_path, "--symbols", "MLGO,NOPE", *DAYS, "--schemas", "status") == 0
    told = capfd.readouterr()
    assert "degraded on 2025-03-10" in told.err
    assert "not there: 2025-03-07 (missing)" in told.err
    assert files(tmp_path) == {f"mlgo/{date}.status.dbn.zst" for date in SESSIONS if date != SESSIONS[1]}
    assert "3 pieces hold nothing" in told.out
    ledger = Ledger(tmp_path / "dnb", server.market.dataset)
    assert ledger.conditions[SESSIONS[2]] == "degraded"
    bought = server.count("get_range")
    download(server, tmp_path, "--symbols", "NOPE", *DAYS, "--schemas", "status")
    assert server.count("get_range") == bought


def test_a_batch_job_is_paid_once_however_often_it_is_broken_off(
    server: DatabentoServer, tmp_path: Path, sample_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--symbols", "MLGO,KZIA", *DAYS, "--yes", *server.overrides(tmp_path), "download.way=batch"]
    server.slow_jobs = 2
    server.faults["mbp-1.KZIA"] = [Fault("flip")]
    assert exit_code(run, words) == EXIT_USER_ERROR
    assert "its SHA-256 differs" in capfd.readouterr().err
    jobs = server.count("submit_job")
    aside = tmp_path / "dnb/.downloads/JOB-0"
    name = "test-20250307.mbp-1.KZIA.dbn.zst"
    (aside / name).write_bytes(server.jobs["JOB-0"][name][:1000])  # as a kill leaves it: the rest is fetched by range
    assert run(words) == 0
    assert server.count("submit_job") == jobs == 3
    assert not aside.exists()
    same_days(server, tmp_path, sample_folder, ["MLGO", "KZIA"])
    assert run([word for word in words if word != "--yes"]) == 0
    assert "everything is there already" in capfd.readouterr().out


def test_names_that_lead_elsewhere_are_refused(
    server: DatabentoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--symbols", "MLGO", *DAYS, "--schemas", "status", "--yes", *server.overrides(tmp_path)]
    for job, file in (("../../", "test-"), ("JOB-", "../../test-")):
        server.job_name, server.file_name = job, file
        assert exit_code(run, [*words, "download.way=batch"]) == EXIT_USER_ERROR
        assert "would lie elsewhere" in capfd.readouterr().err
        assert files(tmp_path) == set()
    assert not list(tmp_path.rglob("test-*"))


def test_only_days_that_the_daily_screen_wants(server: DatabentoServer, tmp_path: Path) -> None:
    eight = ["--start", "2025-03-05", "--end", "2025-03-14"]
    download(server, tmp_path, "--symbols", "ALL", "--schemas", "ohlcv-1d", *eight, "download.history_sessions=0")
    assert download(server, tmp_path, "--candidates", *eight, "--schemas", "mbp-1") == 0
    config = config_of(server, tmp_path)
    provider = DatabentoProvider(tmp_path / "dnb", config.data)
    judged = screen({symbol: provider.daily(symbol) for symbol in provider.symbols()}, config.scanner)
    wanted = [judged.key(row) for row in np.flatnonzero(np.isin(judged.verdict, TO_TIMELINE)).tolist()]
    assert 0 < len(wanted) < len(judged.verdict)
    got = {path for path in files(tmp_path) if "mbp-1" in path}
    assert got == {f"{symbol.lower()}/{date}.mbp-1.dbn.zst" for symbol, date in wanted}


def test_a_universe_is_the_symbols_of_a_file_without_warrants(
    server: DatabentoServer, tmp_path: Path, sample_folder: Path
) -> None:
    (daily,) = (sample_folder / "daily").iterdir()
    words = ["--universe", str(daily), "--start", "2025-03-06", "--schemas", "status", "download.exclude=['K.*']"]
    assert download(server, tmp_path, *words) == 0
    assert files(tmp_path) == {"mlgo/2025-03-06.status.dbn.zst", "snti/2025-03-06.status.dbn.zst"}
