"""The documentation as a site, to be opened from site/: `./fx docs-site`; `--serve` shows it on localhost:8000.

It asks no other host for anything. While it is served, a page that is edited is built anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.command import Parser, exit_code
from utils.errors import FxError
from utils.logger import setup_logging
from utils.paths import ROOT, shown

SETTINGS = ROOT / "mkdocs.yml"
HOST, PORT = "127.0.0.1", 8000


def site_parser() -> Parser:
    """The options."""
    parser = Parser("./fx docs-site", __doc__, options="[--serve] [--port N] [--out FOLDER]")
    parser.add_argument("--serve", action="store_true", help="show it on this machine until Ctrl-C")
    parser.add_argument("--port", metavar="N", type=int, default=PORT, help=f"where it is served; default: {PORT}")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=ROOT / "site", help="default: site")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Build or serve. Raises FxError where a page is wrong, or the port taken."""
    options = site_parser().read_options(arguments)
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    setup_logging("WARNING")  # what is wrong with a page
    if options.serve:
        serve(options.port)
    else:
        build(options.out)
        print(f"written: {shown(options.out)}; open {shown(options.out / 'index.html')}, or ./fx docs-site --serve")
    return 0


def build(out: Path) -> None:
    """Write the site to `out`. Raises FxError where a link leads nowhere."""
    from mkdocs.commands import build as command
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    try:
        command.build(load_config(str(SETTINGS), site_dir=str(out)))
    except Abort as why:
        raise FxError(f"the site is not whole: {why}", where=SETTINGS, fix="mend what is warned of above") from why


def serve(port: int) -> None:
    """Show the site until Ctrl-C. Raises FxError where the port is taken."""
    from mkdocs.commands.serve import serve as command
    from mkdocs.exceptions import Abort

    print(f"http://{HOST}:{port}/ until Ctrl-C", flush=True)
    try:
        command(str(SETTINGS), dev_addr=f"{HOST}:{port}")
    except (Abort, OSError, OverflowError) as why:
        raise FxError(f"cannot be served: {why}", where=f"{HOST}:{port}", fix=f"--port {PORT + 1}") from why


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes."""
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
