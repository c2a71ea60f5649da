"""Pointwise functions of one operand, and special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.symbolic.cases import Case, seeded

_SPECIAL = torch.special
_WIDE = torch.tensor([-9.5, -6.0, -3.25, -1.0, -0.3, -1e-3, 0.0, 1e-4, 0.2, 0.9, 1.0, 2.5, 4.75, 9.0])


def _row(
    target: str,
    run: Callable[..., Any],
    low: float = -3.0,
    high: float = 3.0,
    *,
    name: str = "floats",
    since: int = 7,
    dtype: torch.dtype = torch.float32,
    rtol: float | None = None,
    atol: float | None = None,
) -> Case:
    return Case(
        name, f"aten::{target}", run, lambda: (seeded(3, 5, low=low, high=high, dtype=dtype),),
        dynamic={0: (0, 1)}, since=since, rtol=rtol, atol=atol,
    )  # fmt: skip


def _at(
    target: str, run: Callable[..., Any], values: Any, *, name: str = "edges", since: int = 7, rtol: float | None = None
) -> Case:
    return Case(
        name, f"aten::{target}", run, lambda: (torch.as_tensor(values),), dynamic={0: (0,)}, since=since, rtol=rtol
    )


_INF, _NAN = float("inf"), float("nan")
_INTEGERS = {"low": 1, "high": 9, "dtype": torch.int64, "name": "ints"}
CASES: list[Case] = [
    _row("sqrt", torch.sqrt, 0),
    _row("sqrt", torch.sqrt, **_INTEGERS),
    _row("exp", torch.exp),
    _row("exp", torch.exp, dtype=torch.bool, name="bools"),
    _row("log", torch.log, 0.1),
    _row("reciprocal", torch.reciprocal, 0.1),
    _row("sin", torch.sin),
    _row("cos", torch.cos),
    _row("tan", torch.tan, -1),
    _row("asin", torch.asin, -1, 1),
    _row("acos", torch.acos, -1, 1),
    *[
        _row(name, getattr(torch, name), low, high, dtype=torch.float64, name="double")
        for name, low, high in (
            ("tan", -1, 1),
            ("sinh", -3, 3),
            ("cosh", -3, 3),
            ("asinh", -3, 3),
            ("acosh", 1.1, 3),
            ("atanh", -0.9, 0.9),
        )
    ],
    _row("atan", torch.atan, dtype=torch.float64, name="double", rtol=1e-5, atol=1e-6),  # ORT: float kernel
    _row("atan", torch.atan),
    _row("sinh", torch.sinh),
    _row("cosh", torch.cosh),
    _row("asinh", torch.asinh),
    _row("acosh", torch.acosh, 1.1),
    _row("atanh", torch.atanh, -0.9, 0.9),
    _row("tanh", torch.tanh),
    _row("sigmoid", torch.sigmoid),
    _row("sigmoid", torch.sigmoid, **_INTEGERS),
    _row("special_expit", _SPECIAL.expit),
    _row("rsqrt", torch.rsqrt, 0.1),
    _row("square", torch.square),
    _row("square", torch.square, dtype=torch.int32, name="int32"),
    _row("exp2", torch.exp2),
    _row("expm1", torch.expm1),
    _at("expm1", torch.expm1, [1e-7, -1e-5, 0.0, -40.0, 60.0, _INF, -_INF]),
    _row("log1p", torch.log1p, -0.9),
    _at("log1p", torch.log1p, [1e-7, -1e-5, 0.0, -1.0, 1e9, _INF, _NAN]),
    _at("log2", torch.log2, [1.0, 8.0, 8192.0, 0.125, 5.0, 0.0]),
    Case("levels", "aten::log2", lambda x: torch.log2(x).floor().long(), lambda: (2.0 ** torch.arange(-20.0, 20.0),)),
    _at("log10", torch.log10, [1.0, 1000.0, 0.125, 1e-3]),
    _row("deg2rad", torch.deg2rad),
    _row("deg2rad", torch.deg2rad, **_INTEGERS),
    _row("rad2deg", torch.rad2deg),
    _row("abs", torch.abs),
    _row("abs", torch.abs, -9, 9, dtype=torch.int64, name="ints"),
    _row("neg", torch.neg),
    _row("neg", torch.neg, -9, 9, dtype=torch.int32, name="int32"),
    _row("neg", torch.neg, 0, 9, dtype=torch.uint8, name="uint8"),
    _row("positive", lambda x: torch.positive(x) * 2),
    _at("sign", torch.sign, [-2.0, -0.0, 0.0, 3.0]),
    _row("sign", torch.sign, -3, 3, dtype=torch.int64, name="ints"),
    _row("sgn", torch.sgn),
    _at("signbit", torch.signbit, [-2.0, -0.0, 0.0, 3.0, -_INF]),
    _row("signbit", torch.signbit, -3, 3, dtype=torch.int32, name="int32"),
    _row("floor", torch.floor),
    _row("floor", torch.floor, **_INTEGERS),
    _row("ceil", torch.ceil),
    _at("round", torch.round, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388609.0, -1.7, _INF]),
    _row("round", lambda x: torch.round(x, decimals=2), name="decimals"),
    _row("round", lambda x: torch.round(x, decimals=-1), -90, 90, name="negative-decimals"),
    _row("trunc", torch.trunc),
    _row("trunc", torch.trunc, **_INTEGERS),
    _row("frac", torch.frac),
    _row("erf", torch.erf, since=9),
    _row("erf", torch.erf, since=9, dtype=torch.float64, name="double", rtol=1e-5, atol=1e-6),  # ORT: float kernel
    _at("erfc", torch.erfc, _WIDE, since=9),
    _at("special_erfcx", _SPECIAL.erfcx, [-3.0, -0.2, 0.0, 0.1, 2.0, 9.0, 90.0], since=9),
    _at("special_ndtr", _SPECIAL.ndtr, _WIDE, since=9),
    _at("special_log_ndtr", _SPECIAL.log_ndtr, [-30.0, -5.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0, 5.0], since=9),
    _at("erfinv", torch.erfinv, [-1.0, -0.99999, -0.9, -0.3, 0.0, 1e-4, 0.6, 0.97, 0.99999, 1.0], since=9),
    _at("special_ndtri", _SPECIAL.ndtri, [0.001, 0.2, 0.5, 0.7, 0.999], since=9),
    _row("logit", torch.logit, 0.05, 0.95),
    _row("logit", lambda x: torch.logit(x, 0.1), -0.5, 1.5, name="eps"),
    _row("logit", lambda x: torch.logit(x, 0.0), -0.5, 1.5, name="eps-0"),
    _at("special_entr", _SPECIAL.entr, [-1.0, 0.0, 0.3, 1.0, 2.0, _NAN], since=9),
    _at("sinc", torch.sinc, [-2.5, -0.3, 0.0, 1e-3, 0.5, 4.25], since=9),
    _row(
        "sinc", torch.sinc, since=9, dtype=torch.int64, name="ints", atol=1e-6
    ),  # the sine of a multiple of π is not 0
    Case(
        "edges",
        "aten::xlogy",
        torch.xlogy,
        lambda: (torch.tensor([0.0, 0.0, 2.0, 0.0]), torch.tensor([0.0, _NAN, 3.0, _INF])),
        since=9,
    ),
    _row("xlogy", lambda x: torch.xlogy(2, x), 0.1, name="number", since=9),
    Case(
        "edges",
        "aten::special_xlog1py",
        _SPECIAL.xlog1py,
        lambda: (torch.tensor([0.0, 0.0, 2.0]), torch.tensor([-1.0, _NAN, 1e-4])),
        since=9,
    ),
    _at("lgamma", torch.lgamma, _WIDE, since=9),
    _at("lgamma", torch.lgamma, [1.0, 2.0, 1e-6, 30.5, 1e6, -0.5], since=9, name="more"),
    _at("lgamma", torch.lgamma, [1, 2, 5, 20], since=9, name="ints"),
    _at("digamma", torch.digamma, [-3.25, -0.3, 0.0, 1e-3, 0.9, 1.0, 4.75, 90.0, -2.0], since=9),
    _row("polygamma", lambda x: torch.polygamma(0, x), 0.2, name="0", since=9),
    _at("polygamma", lambda x: torch.polygamma(1, x), [-3.25, -0.3, 0.01, 0.9, 1.0, 4.75, 90.0], name="1", since=9),
    _row("polygamma", lambda x: torch.polygamma(3, x), 0.2, name="3", since=9),
    Case(
        "two",
        "aten::special_zeta",
        _SPECIAL.zeta,
        lambda: (torch.tensor([2.0, 3.5, 1.0, 0.5, 2.0]), torch.tensor([1.0, 0.25, 2.0, 2.0, 9.5])),
        since=9,
    ),
    _row("mvlgamma", lambda x: torch.mvlgamma(x, 3), 2.0, 6.0, since=9),
    _at("i0", torch.i0, _WIDE, since=9),
    _at("special_i0e", _SPECIAL.i0e, _WIDE, since=9),
    _at("special_i1", _SPECIAL.i1, _WIDE, since=9),
    _at("special_i1e", _SPECIAL.i1e, _WIDE, since=9),
    _at("special_bessel_j0", _SPECIAL.bessel_j0, _WIDE, since=9),
    _at("special_bessel_j1", _SPECIAL.bessel_j1, _WIDE, since=9),
    _at("special_spherical_bessel_j0", _SPECIAL.spherical_bessel_j0, _WIDE, since=9),
    _at("angle", torch.angle, [-1.0, -0.0, 0.0, 2.0, _NAN, -_INF], since=9),
    _row("angle", torch.angle, -3, 3, dtype=torch.int64, name="ints", since=9),
    *[
        _at(name, getattr(_SPECIAL, name[8:]), [0.0, 0.1, 0.7, 1.9, 2.5, 3.5, 12.0], since=9)
        for name in (
            "special_bessel_y0",
            "special_bessel_y1",
            "special_modified_bessel_k0",
            "special_modified_bessel_k1",
            "special_scaled_modified_bessel_k0",
            "special_scaled_modified_bessel_k1",
        )
    ],
]
