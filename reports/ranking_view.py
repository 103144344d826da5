"""The ranking as tables and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.cell import assignments
from reports.formats import NONE, Number, Section, Table, p_text
from reports.orders import Judged
from reports.ranking import Effect, Ranked
from reports.summary import label, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def effects_table(ranked: Ranked) -> Table:
    """Every factor with its paired range, largest first."""
    rows: list[list[Any]] = []
    for effect in ranked.effects:
        importance = effect.importance or {}
        shares = [effect.eta2, effect.omega2, importance.get("PED-ANOVA"), importance.get("fANOVA")]
        numbers = [NONE if share is None else f"{share:.2f}" for share in shares]
        size = Number(effect.range.mean, effect.range.reach(0.025))
        rows.append([effect.factor.name, effect.factor.study, _ends(effect), size, *numbers])
    notes = [
        f"Paired range of the {title(ranked.ranking.metric)} average: best level minus worst, ± half width of the"
        " 95 % interval over seeds and items. With more than two levels the two are picked by the data.",
        "Shares of variance and importances only where several factors are fully crossed. An importance says how much"
        " of a sampled space's spread a parameter explains, which is another question.",
    ]
    columns = [
        "factor",
        "study",
        "best against worst",
        "paired range",
        "eta²",
        "omega²",
        "PED-ANOVA",
        "fANOVA",
    ]
    return Table(ranked.ranking.question, columns, [Section("", rows)], notes)


def orders_table(ranked: Ranked) -> Table:
    """Every claimed order with the difference of the two ranges and its verdict."""
    notes = [
        "Difference of the two paired ranges over the seeds and items that both have; one-sided tests,"
        " Holm-corrected over the orders. The levels of a seed are those that are best and worst in the other seeds,"
        " so they are not picked by what is tested.",
        *_order_caveats(ranked),
    ]
    columns = ["claim", "difference of ranges [95 % interval]", "seeds", "corrected p", "verdict"]
    return Table("Claimed orders", columns, [Section("", [_order_row(one) for one in ranked.orders])], notes)


def _order_row(judged: Judged) -> list[Any]:
    estimate, verdict = judged.estimate, judged.verdict
    if estimate is None:
        return [judged.order.text, NONE, "0", NONE, f"{verdict}: not measured on the same seeds"]
    if estimate.seeds == 1:
        return [judged.order.text, f"{estimate.mean:+.1f}", "1", NONE, f"{verdict}: one seed has no spread"]
    p = judged.p_opposite if verdict == "contradicted" else judged.p_corrected
    return [
        judged.order.text,
        order_interval(judged),
        str(estimate.seeds),
        p_text(p),
        verdict,
    ]


def order_interval(judged: Judged) -> str:
    """`+3.2 [+1.0, +5.4]`; nothing where there is no interval."""
    if judged.estimate is None or judged.estimate.seeds < 2:
        return ""
    low, high = judged.estimate.interval()
    return f"{judged.estimate.mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _order_caveats(ranked: Ranked) -> list[str]:
    """What else differs between the levels of the factors that stand in an order."""
    named = {name for order in ranked.ranking.orders for name in (order.larger, order.smaller)}
    return [
        f"Read with care: between the levels of {effect.factor.name}, {'; '.join(effect.caveats)}."
        for effect in ranked.effects
        if effect.factor.name in named and effect.caveats
    ]


TABLES = {"effects": effects_table, "orders": orders_table}


def draw_ranking(ranked: Ranked) -> Figure:
    """Paired ranges with their intervals, largest on top."""
    import matplotlib.pyplot as plt

    effects = [*reversed(ranked.effects)]
    figure, axes = plt.subplots(figsize=(6.4, 0.34 * len(effects) + 0.9), layout="constrained")
    for place, effect in enumerate(effects):
        half = effect.range.reach(0.025) if effect.range.seeds > 1 else None
        axes.errorbar(effect.range.mean, place, xerr=half, fmt="o", color="C0", capsize=2.5)
        points = [*effect.per_seed.values()]
        below = [place - 0.25] * len(points)
        axes.scatter(points, below, s=10, facecolor="white", edgecolor="0.2", linewidths=0.7)
    axes.axvline(0, color="0.7", linewidth=0.8)
    axes.set_yticks(range(len(effects)), [effect.factor.name for effect in effects])
    axes.set_xlabel(f"paired range, points of the {title(ranked.ranking.metric)} average")
    return figure


def _ends(effect: Effect) -> str:
    """`48 against 24`; where a factor has several fields `width=64 depth=4 against width=32 depth=3`."""
    return f"{_level(effect.best)} against {_level(effect.worst)}"


def _level(level: Mapping[str, Any]) -> str:
    return label(*level.values()) if len(level) == 1 else " ".join(assignments(level))
