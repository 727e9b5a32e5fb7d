"""numba as this project uses it: cached on disk, deterministic, without the GIL.

numba's disk cache does not notice an edited callee in another file. Hence the cache folder is named by a hash of all
sources that hold kernels, set before numba is imported; import `njit` from here and nowhere else.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from utils.paths import CACHE, ROOT

KERNEL_FOLDERS = ("utils", "data", "feature", "simulators", "rewards", "envs")

F = TypeVar("F", bound=Callable[..., Any])


def kernel_sources_hash() -> str:
    """Hex digest over the names and bytes of every file that may hold a kernel."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in KERNEL_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_bytes()
            if b"njit" in source or path.name.endswith("layout.py"):
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(source)
    return digest.hexdigest()


os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHE / "numba" / kernel_sources_hash()))

import numba  # noqa: E402 - only after its cache folder is set
from llvmlite import ir  # noqa: E402
from numba.core import types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402


def _cache_in(folder: str) -> None:
    """Where functions that are decorated from now on are kept once they are compiled."""
    setattr(numba.config, "CACHE_DIR", folder)  # noqa: B010 - made up at run time


# whoever imported numba before this module fixed another folder, in which stale kernels would be found again
_cache_in(os.environ["NUMBA_CACHE_DIR"])


def outside_code(function: Callable[..., Any]) -> str:
    """Hash of the modules beside the one that `function` is written in; "" for code of the project's own folders.

    What stands for the code of a plugin wherever `kernel_sources_hash` stands for ours.
    """
    return _outside_code(getattr(function, "py_func", function).__code__.co_filename)


@functools.cache
def _outside_code(file: str) -> str:
    path = Path(file).resolve()
    if any(path.is_relative_to(ROOT / folder) for folder in KERNEL_FOLDERS):
        return ""
    digest = hashlib.blake2b(digest_size=8)
    for beside in sorted(path.parent.glob("*.py")):
        digest.update(beside.name.encode() + b"\0" + beside.read_bytes())
    return digest.hexdigest()


def _cached(compile_: Callable[[F], Any], function: F) -> Any:
    """Compile into the cache folder of its code: that of plugins does not change with `kernel_sources_hash`.

    What numba keeps imports its module by name when it is read again, and a file outside the tree has several names: by
    itself and within a package. Hence a folder for each.
    """
    folder = os.environ["NUMBA_CACHE_DIR"]
    outside = outside_code(function)
    _cache_in(str(Path(folder, outside, function.__module__)) if outside else folder)
    try:
        return compile_(function)
    finally:
        _cache_in(folder)


def njit(function: F) -> F:
    """Compile lazily: cached, no fast-math (bitwise the same on every run), no GIL, bounds unchecked."""
    return _cached(numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy"), function)  # noqa: TID251


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001 - numba passes it
    """int64 address -> void pointer."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), codegen


@njit
def view1_nb(address, length, dtype):
    """The memory at `address` as a C-contiguous [length] array. The owner must outlive the view."""
    return numba.carray(_pointer(address), (length,), dtype)  # pyright: ignore[reportCallIssue]


@njit
def view2_nb(address, rows, columns, dtype):
    """The memory at `address` as a C-contiguous [rows, columns] array. The owner must outlive the view."""
    return numba.carray(_pointer(address), (rows, columns), dtype)  # pyright: ignore[reportCallIssue]


record_type = numba.from_dtype
"""numpy's structured dtype -> numba's type of one record."""


def c_function(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile with C's calling convention, cached: its `address` can be called from kernels that never saw it."""
    return functools.partial(_cached, numba.cfunc(signature, cache=True, error_model="numpy"))


def _caller(result: ir.Type, *arguments: ir.Type) -> Callable[..., Any]:
    """Code generator for a call of the C function at an address; records are passed as pointers."""

    def codegen(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointer = ir.FunctionType(result, arguments).as_pointer()
        function = builder.inttoptr(values[0], pointer)
        cast = [
            value if value.type == kind else (builder.inttoptr if value.type == _INT else builder.bitcast)(value, kind)
            for value, kind in zip(values[1:], arguments, strict=True)
        ]
        return builder.call(function, cast)

    return codegen


_INT, _POINTER = ir.IntType(64), ir.IntType(8).as_pointer()


@intrinsic
def _call_fill(typing_context: Any, address: Any, ticket: Any, params: Any) -> Any:  # noqa: ARG001 - numba passes it
    """Call the C function `void(record, pointer)` at `address`; `params` is an address too."""
    generate = _caller(ir.VoidType(), _POINTER, _POINTER)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        generate(context, builder, signature, values)
        return context.get_dummy_value()

    return types.void(address, ticket, params), codegen


@intrinsic
def _call_latency(typing_context: Any, address: Any, stream: Any, params: Any, table: Any, rows: Any) -> Any:  # noqa: ARG001
    """Call the C function `float64(uint64, pointer, pointer, int64)` at `address`; the pointers are addresses too."""
    codegen = _caller(ir.DoubleType(), _INT, _POINTER, _POINTER, _INT)
    return types.float64(address, stream, params, table, rows), codegen


@intrinsic
def _call_reward(typing_context: Any, address: Any, step: Any, params: Any, memory: Any) -> Any:  # noqa: ARG001
    """Call the C function `float64(record, pointer, pointer)` at `address`; the pointers are addresses too."""
    return types.float64(address, step, params, memory), _caller(ir.DoubleType(), _POINTER, _POINTER, _POINTER)


# intrinsics take a typing context that callers don't give
call_fill: Any = _call_fill
call_latency: Any = _call_latency
call_reward: Any = _call_reward
