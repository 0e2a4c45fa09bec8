"""Random-effects meta-analysis: `pooled = pool(estimates, std_errors)`, over runs, donors or laboratories.

One model throughout: y = X beta + u + e, with Var(u) = tau2 and Var(e) = the squared standard errors, which are taken
as known (Raudenbush 2009; Viechtbauer 2010, 10.18637/jss.v036.i03). Without moderators X is a column of ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError

Array = NDArray[np.float64]
Method = Literal["REML", "PM", "DL", "ML", "HE", "SJ", "FE"]
Test = Literal["knha", "z"]


@dataclass(frozen=True, slots=True)
class PooledEstimate:
    """A pooled estimate per term, the heterogeneity between studies, and how sure each is.

    Arrays run over `terms`; the properties give the first term, which is the pooled effect where there are no
    moderators. `pred_low` and `pred_high` bound the true effect of a new study; missing with moderators or method FE.
    """

    terms: tuple[str, ...]
    estimates: tuple[float, ...]
    std_errors: tuple[float, ...]
    df: float
    statistics: tuple[float, ...]
    p_values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    tau2: float
    tau2_std_error: float
    tau2_low: float
    tau2_high: float
    i2: float
    h2: float
    q: float
    q_df: int
    q_p_value: float
    pred_low: float
    pred_high: float
    loglik: float
    studies: int
    method: str
    test: str

    @property
    def estimate(self) -> float:
        """The pooled effect."""
        return self.estimates[0]

    @property
    def std_error(self) -> float:
        """Its standard error."""
        return self.std_errors[0]

    @property
    def statistic(self) -> float:
        """The estimate over its standard error."""
        return self.statistics[0]

    @property
    def p_value(self) -> float:
        """Its two-sided p value."""
        return self.p_values[0]

    @property
    def conf_low(self) -> float:
        """Its lower limit."""
        return self.lows[0]

    @property
    def conf_high(self) -> float:
        """Its upper limit."""
        return self.highs[0]


class _Data(NamedTuple):
    y: Array
    v: Array
    X: Array

    @property
    def df(self) -> int:
        return int(self.X.shape[0] - self.X.shape[1])


class _Weighted(NamedTuple):
    """The weighted least squares fit at one tau2; P is the projection W - W X (X'WX)^-1 X'W."""

    beta: Array
    cov: Array
    P: Array
    rss: float
    weights: Array


def pool(
    estimates: ArrayLike,
    std_errors: ArrayLike,
    moderators: ArrayLike | None = None,
    *,
    method: Method = "REML",
    test: Test = "knha",
    terms: Sequence[str] = (),
    level: float = 0.95,
) -> PooledEstimate:
    """Return the random-effects summary of `estimates` (k,) with `std_errors` (k,).

    `moderators` is a (k, m) array of columns beside the intercept, named by `terms`. `test="knha"` is the Knapp-Hartung
    adjustment with t on k - p df (10.1002/sim.1482), right for few studies; "z" the normal one. The limits of tau2 are
    the Q-profile's (Viechtbauer 2007, 10.1002/sim.2514). Raises DesignError for fewer studies than terms + 1, or a
    standard error that is not positive.
    """
    data = _data(estimates, std_errors, moderators)
    tau2 = _TAU2[method](data)
    return _pooled(data, tau2, method=method, test=test, terms=_names(terms, data), level=level)


@dataclass(frozen=True, slots=True)
class Influence:
    """What one study does to the summary: the summary without it, its Cook distance, its leverage and its residual."""

    study: int
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    tau2: float
    cook_distance: float
    leverage: float
    deleted_residual: float


def influence(
    estimates: ArrayLike, std_errors: ArrayLike, *, method: Method = "REML", test: Test = "knha"
) -> tuple[Influence, ...]:
    """Return, study by study, the summary with that study left out (Viechtbauer & Cheung 2010, 10.1002/jrsm.11)."""
    y, se = np.asarray(estimates, dtype=float), np.asarray(std_errors, dtype=float)
    whole = pool(y, se, method=method, test=test)
    weights = 1 / (se**2 + whole.tau2)
    kept = [np.arange(y.size) != study for study in range(y.size)]
    without = [pool(y[keep], se[keep], method=method, test=test) for keep in kept]
    return tuple(
        Influence(
            study=study,
            estimate=left.estimate,
            std_error=left.std_error,
            conf_low=left.conf_low,
            conf_high=left.conf_high,
            tau2=left.tau2,
            cook_distance=(whole.estimate - left.estimate) ** 2 / whole.std_error**2,
            leverage=float(weights[study] / weights.sum()),
            deleted_residual=float(
                (y[study] - left.estimate) / math.sqrt(se[study] ** 2 + left.tau2 + left.std_error**2)
            ),
        )
        for study, left in enumerate(without)
    )


def _data(estimates: ArrayLike, std_errors: ArrayLike, moderators: ArrayLike | None) -> _Data:
    y, se = (np.asarray(values, dtype=float).ravel() for values in (estimates, std_errors))
    if y.shape != se.shape or not (np.isfinite(y).all() and np.isfinite(se).all() and (se > 0).all()):
        raise DesignError(
            "every estimate to pool must be a number with a positive standard error",
            f"{y.size} estimates, {se.size} standard errors, {int(np.sum(~(se > 0)))} of them not positive",
        )
    columns = np.ones((y.size, 1))
    if moderators is not None:
        columns = np.column_stack([columns, np.asarray(moderators, dtype=float).reshape(y.size, -1)])
    if y.size <= columns.shape[1]:
        raise DesignError(
            "pooling must have more studies than terms",
            f"{y.size} studies, {columns.shape[1]} terms",
            remedy="report the studies one by one",
        )
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise DesignError("moderators must differ between studies and from each other", "a column that adds nothing")
    return _Data(y, se**2, columns)


def _names(terms: Sequence[str], data: _Data) -> tuple[str, ...]:
    extra = data.X.shape[1] - 1
    return ("intercept", *(terms or [f"moderator{index + 1}" for index in range(extra)]))


def _weighted(data: _Data, tau2: float, weights: Array | None = None) -> _Weighted:
    w = 1 / (data.v + tau2) if weights is None else weights
    WX = data.X * w[:, None]
    cov: Array = np.linalg.inv(data.X.T @ WX).astype(np.float64)
    P = np.diag(w) - WX @ cov @ WX.T
    Py = P @ data.y
    return _Weighted(cov @ (WX.T @ data.y), cov, P, float(data.y @ Py), w)


def _pooled(
    data: _Data, tau2: float, *, method: Method, test: Test, terms: tuple[str, ...], level: float
) -> PooledEstimate:
    fit, fixed = _weighted(data, tau2), _weighted(data, 0.0)
    # studies that agree to the last digit say nothing on their own spread: their standard errors then stand
    spread = fit.rss > 1e-20 * float(np.sum(fit.weights * data.y**2))
    scale = fit.rss / data.df if test == "knha" and spread else 1.0
    df = float(data.df) if test == "knha" else math.inf
    se = np.sqrt(scale * np.diag(fit.cov))
    statistic = fit.beta / se
    critical = float(_quantile(df, 0.5 + level / 2))
    reach = critical * math.sqrt(se[0] ** 2 + tau2) if len(terms) == 1 and method != "FE" else math.nan
    typical = data.df / float(np.trace(fixed.P))
    share = tau2 / (typical + tau2) if method != "FE" else max(0.0, 1 - data.df / fixed.rss)
    tau2_low, tau2_high = q_profile(data, level) if method != "FE" else (math.nan, math.nan)
    return PooledEstimate(
        terms=terms,
        estimates=_floats(fit.beta),
        std_errors=_floats(se),
        df=df,
        statistics=_floats(statistic),
        p_values=_floats(2 * _tail(df, np.abs(statistic))),
        lows=_floats(fit.beta - critical * se),
        highs=_floats(fit.beta + critical * se),
        tau2=tau2,
        tau2_std_error=_tau2_std_error(data, tau2, method),
        tau2_low=tau2_low,
        tau2_high=tau2_high,
        i2=100 * share,
        h2=1 / (1 - share),
        q=fixed.rss,
        q_df=data.df,
        q_p_value=float(special.chdtrc(data.df, fixed.rss)),
        pred_low=float(fit.beta[0]) - reach,
        pred_high=float(fit.beta[0]) + reach,
        loglik=_loglik(data, tau2, restricted=method == "REML"),
        studies=data.y.size,
        method=method,
        test=test,
    )


def q_profile(data: _Data, level: float = 0.95) -> tuple[float, float]:
    """Return the limits of tau2 at which the generalised Q meets its chi-square quantiles; 0 where none does."""
    tail = (1 - level) / 2
    return (
        _tau2_where_q_is(data, float(special.chdtri(data.df, tail))),
        _tau2_where_q_is(data, float(special.chdtri(data.df, 1 - tail))),
    )


def _tau2_where_q_is(data: _Data, target: float) -> float:
    from scipy.optimize import brentq

    def excess(tau2: float) -> float:
        return _weighted(data, tau2).rss - target

    if excess(0.0) <= 0:
        return 0.0
    high = max(float(data.v.mean()), float(data.y.var()), 1e-12)
    while excess(high) > 0:
        high *= 4
    return float(brentq(excess, 0.0, high, xtol=1e-300, rtol=8.9e-16, maxiter=500))


def _fe(_: _Data) -> float:
    return 0.0


def _dersimonian_laird(data: _Data) -> float:
    """10.1016/0197-2456(86)90046-2."""
    fit = _weighted(data, 0.0)
    return max(0.0, (fit.rss - data.df) / float(np.trace(fit.P)))


def _hedges(data: _Data) -> float:
    """Hedges & Olkin 1985: unweighted residual variance less the mean sampling variance."""
    fit = _weighted(data, 0.0, np.ones_like(data.v))
    return max(0.0, (fit.rss - float(np.sum(np.diag(fit.P) * data.v))) / data.df)


def _sidik_jonkman(data: _Data) -> float:
    """10.1111/j.1467-9876.2005.00489.x."""
    crude = float(data.y.var())
    fit = _weighted(data, 0.0, 1 / (data.v + crude))
    return crude * fit.rss / data.df


def _paule_mandel(data: _Data) -> float:
    """10.6028/jres.087.022: the tau2 at which the generalised Q is its expectation, k - p."""
    return _tau2_where_q_is(data, float(data.df))


def _reml(data: _Data) -> float:
    def score(tau2: float) -> float:
        fit = _weighted(data, tau2)
        Py = fit.P @ data.y
        return float(Py @ Py - np.trace(fit.P))

    return _likeliest(data, score, restricted=True)


def _ml(data: _Data) -> float:
    def score(tau2: float) -> float:
        fit = _weighted(data, tau2)
        Py = fit.P @ data.y
        return float(Py @ Py - fit.weights.sum())

    return _likeliest(data, score, restricted=False)


def _likeliest(data: _Data, score: Callable[[float], float], *, restricted: bool) -> float:
    """Return the tau2 >= 0 of greatest likelihood: the best of a grid, then the root of the score beside it.

    Fisher scoring, which others use, overshoots and cycles where one study is far more precise than the rest.
    """
    from scipy.optimize import brentq, minimize_scalar

    def loss(tau2: float) -> float:
        return -_loglik(data, tau2, restricted=restricted)

    scale = max(float(data.v.mean()), float(data.y.var()))
    grid = np.concatenate([[0.0], np.geomspace(1e-9 * scale, 1e3 * scale, 97)])
    best = int(np.argmin([loss(float(tau2)) for tau2 in grid]))
    if best == 0 and score(0.0) <= 0:
        return 0.0
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)])
    if score(low) > 0 > score(high):
        return float(brentq(score, low, high, xtol=1e-300, rtol=8.9e-16, maxiter=500))
    return float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-14 * scale}).x)


_TAU2: dict[Method, Callable[[_Data], float]] = {
    "REML": _reml,
    "PM": _paule_mandel,
    "DL": _dersimonian_laird,
    "ML": _ml,
    "HE": _hedges,
    "SJ": _sidik_jonkman,
    "FE": _fe,
}


def _tau2_std_error(data: _Data, tau2: float, method: Method) -> float:
    """Return the large-sample standard error of tau2 under its method (Viechtbauer 2010)."""
    match method:
        case "FE":
            return math.nan
        case "ML":
            return math.sqrt(2 / float(np.sum(_weighted(data, tau2).weights ** 2)))
        case "REML":
            return math.sqrt(2 / float(np.sum(_weighted(data, tau2).P ** 2)))
        case "PM":
            studies, weights = data.y.size, _weighted(data, tau2).weights
            return studies / data.df * math.sqrt(2 * data.df) / float(weights.sum())
        case "DL":
            P, scale = _weighted(data, 0.0).P, 1.0
        case "HE":
            P, scale = _weighted(data, 0.0, np.ones_like(data.v)).P, 1.0
        case "SJ":
            crude = float(data.y.var())
            P, scale = _weighted(data, 0.0, 1 / (data.v + crude)).P, crude
    # Var(y'Py) of a quadratic form under Var(y) = v + tau2, over the squared derivative of its expectation
    spread = P * np.sqrt(np.outer(data.v + tau2, data.v + tau2))
    expected = data.df if method == "SJ" else float(np.trace(P))
    return scale * math.sqrt(2 * float(np.sum(spread**2))) / expected


def _loglik(data: _Data, tau2: float, *, restricted: bool) -> float:
    fit = _weighted(data, tau2)
    plain = -0.5 * (float(np.sum(np.log(data.v + tau2))) + fit.rss)
    if not restricted:
        return plain - 0.5 * data.y.size * math.log(2 * math.pi)
    design = np.linalg.slogdet(data.X.T @ data.X)[1] + np.linalg.slogdet(fit.cov)[1]
    return plain - 0.5 * data.df * math.log(2 * math.pi) + 0.5 * float(design)


def _quantile(df: float, share: float) -> float:
    return float(special.stdtrit(df, share) if math.isfinite(df) else special.ndtri(share))


def _tail(df: float, statistic: Array) -> Array:
    return np.asarray(special.stdtr(df, -statistic) if math.isfinite(df) else special.ndtr(-statistic))


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
