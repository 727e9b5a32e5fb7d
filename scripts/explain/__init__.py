"""Why a model trades as it does: beside a training, of a backtest, and on the command line."""
