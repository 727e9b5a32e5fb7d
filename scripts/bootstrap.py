"""Create .venv from poetry.lock with the standard library, pip and (if it can be had) uv.

`poetry install` does the same job for people who have Poetry. This script exists so
that a fresh machine needs neither Poetry nor root, and so that torch comes from
wherever *pip* finds it: a CPU wheel in PIP_FIND_LINKS or a mirror in pip.conf wins over
the 3 GB CUDA build. Every other package is installed at the locked version, hashes
checked. Safe to run again, and to interrupt.

  FX_TORCH_INDEX=URL take torch from that index first (PyTorch's CPU index, say)
  FX_INSTALLER=pip   do not use uv
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STATE = VENV / ".fx"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV = "uv==0.13.9"
GROUPS = {"main", "dev"}
# torch and what only a CUDA build of it needs: versions held, hashes not checked,
# because a CPU build of the same release has other ones.
TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")


def say(text: str) -> None:
    print(f"fx: {text}", flush=True)


def run(*cmd: str | Path, check: bool = True, quiet: bool = False) -> bool:
    env = {"UV_HTTP_TIMEOUT": "300", **os.environ}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET"):
        env.pop(name, None)
    out = subprocess.DEVNULL if quiet else None
    done = subprocess.run([str(c) for c in cmd], check=False, cwd=ROOT, env=env, stdout=out, stderr=out)
    if check and done.returncode:
        sys.exit(f"fx: failed: {' '.join(map(str, cmd))}")
    return done.returncode == 0


def make_venv() -> None:
    if moved():  # its scripts name the old folder
        shutil.rmtree(VENV)
    if PYTHON.exists():
        if run(PYTHON, "-c", "import pip", check=False, quiet=True):
            return
        if run(PYTHON, "-m", "ensurepip", check=False, quiet=True):  # made without pip
            return
    if VENV.exists():  # half made, or its Python is gone
        shutil.rmtree(VENV)
    if run(sys.executable, "-m", "venv", VENV, check=False, quiet=True):
        return
    # Debian and Ubuntu without python3-venv: no ensurepip.
    shutil.rmtree(VENV, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", VENV)
    outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if run(*outside, "install", "-q", "pip", check=False, quiet=True):
        return
    if uv := shutil.which("uv"):
        run(uv, "pip", "install", "-q", "--python", PYTHON, "pip")
        return
    shutil.rmtree(VENV)
    sys.exit("fx: this Python has neither ensurepip nor pip: apt-get install python3-venv")


def marker(package: dict[str, Any]) -> str:
    """One marker for the groups we install; empty means always."""
    found = package.get("markers", "")
    if isinstance(found, str):
        return found
    ours = [found.get(g, "") for g in package["groups"] if g in GROUPS]
    return "" if "" in ours else " or ".join(f"({m})" for m in dict.fromkeys(ours))


def write_requirements(lock: dict[str, Any]) -> tuple[Path, Path, str]:
    pinned, hashed, torch = [], [], ""
    for p in lock["package"]:
        if p.get("optional") or not GROUPS & set(p["groups"]):
            continue
        pin = f"{p['name']}=={p['version']}"
        line = f"{pin} ; {m}" if (m := marker(p)) else pin
        pinned.append(line)
        if p["name"] == "torch":
            torch = pin
        if not TORCH.fullmatch(p["name"]):
            hashed.append(" ".join([line, *(f"--hash={f['hash']}" for f in p["files"])]))
    STATE.mkdir(exist_ok=True)
    (constraints := STATE / "constraints.txt").write_text("\n".join(pinned) + "\n")
    (requirements := STATE / "requirements.txt").write_text("\n".join(hashed) + "\n")
    return constraints, requirements, torch


def uv() -> str | None:
    """A uv to install with: the user's own, else one put into .venv."""
    if os.environ.get("FX_INSTALLER") == "pip":
        return None
    if found := shutil.which("uv"):
        return found
    own = PYTHON.with_name("uv" + PYTHON.suffix)
    run(PYTHON, "-m", "pip", "install", "-q", UV, check=False, quiet=True)
    return str(own) if own.exists() else None


def install() -> None:
    with (ROOT / "poetry.lock").open("rb") as f:
        constraints, requirements, torch = write_requirements(tomllib.load(f))
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "-r", requirements]
    say(f"installing {len(requirements.read_text().splitlines())} packages")
    # uv takes a tenth of pip's time, but knows nothing of pip.conf: hence the second try.
    fast = uv()
    if not fast or not run(fast, "pip", "install", "--quiet", "--python", PYTHON, *locked, check=False):
        run(*pip, *locked)
    say(f"installing {torch}")
    index = os.environ.get("FX_TORCH_INDEX")
    extra = ["--extra-index-url", index] if index else []
    run(*pip, *extra, "-c", constraints, torch)


@contextlib.contextmanager
def one_at_a_time():
    if os.name == "nt":
        yield
        return
    import fcntl

    with (ROOT / ".fx-lock").open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def moved() -> bool:
    where = STATE / "root"
    return where.exists() and where.read_text().strip() != str(ROOT)


def up_to_date() -> bool:
    try:
        return all((STATE / f.name).read_bytes() == f.read_bytes() for f in (ROOT / "poetry.lock", Path(__file__)))
    except OSError:
        return False


def main() -> None:
    start = time.monotonic()
    with one_at_a_time():
        make_venv()
        if up_to_date():
            return
        install()
        for f in (ROOT / "poetry.lock", Path(__file__)):
            shutil.copyfile(f, STATE / f.name)
        (STATE / "root").write_text(f"{ROOT}\n")
    say(f"ready in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
