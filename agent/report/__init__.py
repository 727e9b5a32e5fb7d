"""A backtest as people read it: one page that needs no other host, and tables for the terminal and further work."""

from agent.report.page import write_report
from agent.report.summary import judged, labels
from agent.report.terminal import cost_line, terminal_table, verdict_lines

__all__ = ["cost_line", "judged", "labels", "terminal_table", "verdict_lines", "write_report"]
