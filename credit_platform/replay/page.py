"""Draws a replay as one page: what happened in each month, and what it cost beside doing nothing.

Plain HTML with a drawn chart, which needs no script and nothing from elsewhere. Not here: what happened (`play.py`).
"""

from collections.abc import Iterator
from html import escape

from credit_platform.home_credit.simulator import SCENARIOS
from credit_platform.replay.play import Month, Play

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 1080, 330, 56, 28, 46, 70

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --line: #d9dee6; --paper: #fff;
  --platform: #1565c0; --nothing: #c2410c; --everyone: #8a94a3; --bad: #b91c1c; --good: #15803d; --shade: #fef3c7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3acba; --line: #39424f; --paper: #14181f;
  --platform: #6fb1ff; --nothing: #ff9a5c; --everyone: #7d8795; --bad: #ff8a80; --good: #7ddc9a; --shade: #3b341a; } }
body { margin: 2rem auto; max-width: 1120px; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.lead { color: var(--soft); margin: .2rem 0 1rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(118px, 1fr)); gap: .7rem; padding: 0;
  margin: 0; }
.facts li { list-style: none; border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.facts b { display: block; font-size: 1.05rem; } .facts span { color: var(--soft); font-size: .85rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.key { display: flex; gap: 1.4rem; flex-wrap: wrap; color: var(--soft); font-size: .85rem; }
.key i { display: inline-block; width: 22px; border-top: 3px solid; vertical-align: middle; margin-right: .4rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: var(--soft); font-weight: 500; }
td, th { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; vertical-align: top; }
td ul { margin: 0; padding-left: 1.1rem; } .bad { color: var(--bad); } .good { color: var(--good); }
td:first-child { white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
""".strip()


def page(play: Play) -> str:
    """The page."""
    of = f"{play.clients:,} clients a month, seed {play.seed}, outcomes known after {play.outcomes_after} months"
    rows = "\n".join(_row(play, month) for month in play.watched)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Replay: {escape(play.scenario)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Replay: {escape(play.scenario)}</h1>
<p class="lead">{escape(SCENARIOS[play.scenario])}. {play.months[0].cohort} to {play.months[-1].cohort}, {of}.</p>
<ul class="facts">
{"".join(f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>" for name, value in facts(play).items())}
</ul>
<h2>What a month cost per client, in refused good clients</h2>
{_chart(play)}
<div class="key">
<span><i style="color:var(--platform)"></i>the platform, which renews its model</span>
<span><i style="color:var(--nothing)"></i>doing nothing: the first champion decides for ever</span>
<span><i style="color:var(--everyone)"></i>approving everyone</span>
</div>
<h2>Month by month</h2>
<table>
<thead><tr><th>month</th><th>version</th><th>found, told and done</th><th>defaults</th><th>cost</th>
<th>doing nothing</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def facts(play: Play) -> dict[str, str]:
    """A replay in a few numbers, by what each is."""
    renewed = play.renewed
    decided, nothing = play.cost(renewed)
    share = f"{(nothing - decided) / nothing:.1%} in {len(renewed)} months" if renewed else "no new version"
    alerts = play.alerts
    critical = sum(told.severity == "critical" for _, told in alerts)
    return {
        "the change begins": play.change if play.scenario != "stable" else "never",
        "it matters from": play.material or "never",
        "first outcomes from after it": play.first_outcomes or "none",
        "first found by monitoring": play.noticed if play.scenario != "stable" and play.noticed else "never",
        "first told": alerts[0][0] if alerts else "never",
        "incidents told": f"{len(alerts)}, {critical} critical" if alerts else "none",
        "trainings by drift": ", ".join(cohort for cohort, _ in play.trainings) or "none",
        "saved against doing nothing": share,
    }


def _chart(play: Play) -> str:
    months = play.watched
    highest = 1.08 * max(max(m.costs.champion, m.costs.first, m.costs.approve_all) for m in months if m.costs)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(months) - 1, 1)

    def x(number: int) -> float:
        return _LEFT + number * step

    def y(cost: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * cost / highest

    at = {month.cohort: x(number) for number, month in enumerate(months)}
    lines = [
        _line([(x(i), y(m.costs.approve_all)) for i, m in enumerate(months) if m.costs], "everyone", "4 4"),
        _line([(x(i), y(m.costs.first)) for i, m in enumerate(months) if m.costs], "nothing"),
        *(
            _line(stretch, "platform")
            for stretch in _stretches(
                [None if m.set_aside else (x(i), y(m.costs.champion)) for i, m in enumerate(months) if m.costs]
            )
        ),
    ]
    shade = ""
    if play.material in at:
        left = at[play.material]
        size = f'width="{_WIDTH - _RIGHT - left:.0f}" height="{_HEIGHT - _BOTTOM - _TOP}"'
        shade = f'<rect x="{left:.0f}" y="{_TOP}" {size} fill="var(--shade)" opacity=".45"/>'
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(c):.1f}" y2="{y(c):.1f}" stroke="var(--line)"/>'
        f'<text x="{_LEFT - 8}" y="{y(c) + 4:.1f}" text-anchor="end">{c:.1f}</text>'
        for c in _ticks(highest)
    )
    names = "".join(
        f'<text x="{x(i):.0f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{m.cohort[2:]}</text>'
        for i, m in enumerate(months)
    )
    marks = "".join(_marks(play, at))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="cost by month">'
        f"{shade}{grid}{names}{''.join(lines)}{marks}</svg>"
    )


def _marks(play: Play, at: dict[str, float]) -> Iterator[str]:
    """What happened, above the month in which it did; what shares a month is told one above the other."""
    happened = [
        (play.change if play.scenario != "stable" else "", "change begins", "soft"),
        (play.material, "it matters", "soft"),
        (play.first_outcomes, "outcomes", "soft"),
        (play.noticed if play.scenario != "stable" else "", "found", "bad"),
        (play.alerts[0][0] if play.alerts else "", "told", "bad"),
        *((cohort, "trained", "good") for cohort, _ in play.trainings),
        (play.renewed[0].cohort if play.renewed else "", "new version", "good"),
    ]
    taken: list[tuple[float, int]] = []
    for cohort, text, colour in happened:
        if cohort not in at:
            continue
        left = at[cohort]
        level = next(n for n in range(10) if not any(abs(left - x) < 84 and n == used for x, used in taken))
        taken.append((left, level))
        top = 14 + 14 * level
        yield (
            f'<line x1="{left:.0f}" x2="{left:.0f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="var(--{colour})" '
            f'stroke-dasharray="2 3"/><text x="{left:.0f}" y="{top}" text-anchor="middle" '
            f'style="fill:var(--{colour})">{text}</text>'
        )


def _line(points: list[tuple[float, float]], colour: str, dashes: str = "none") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="var(--{colour})"/>' for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="var(--{colour})" stroke-width="2" '
        f'stroke-dasharray="{dashes}"/>{dots}'
    )


def _stretches(points: list[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """Points that follow each other without a gap."""
    stretch: list[tuple[float, float]] = []
    for point in [*points, None]:
        if point is not None:
            stretch.append(point)
        elif stretch:
            yield stretch
            stretch = []


def _ticks(highest: float) -> list[float]:
    step = 0.1 if highest < 0.8 else 0.2 if highest < 1.8 else 0.5
    return [step * i for i in range(int(highest / step) + 1)]


def _row(play: Play, month: Month) -> str:
    said = []
    if month.set_aside:
        said.append('<span class="bad">set aside: nobody was decided on by it</span>')
    for told in month.told:
        colour = "good" if told.event in ("resolved", "retrained") else "bad"
        cause = f" ({escape(told.cause)})" if told.cause else ""
        said.append(f'<span class="{colour}">{told.event}, {told.severity}</span>: {escape(told.sentence)}{cause}')
    if not month.told:
        said += [f"found: {escape(sentence)}" for sentence in month.found[:3]]
        if len(month.found) > 3:
            said.append(f"and {len(month.found) - 3} more")
    if month.decided and not month.trained:
        said.append(f"no training: {escape(month.decided)}")
    if month.trained:
        said.append(f'<b class="good">trained</b> because of {escape(month.decided)}')
    costs = month.costs
    numbers = ("", "", "")
    if costs is not None:
        spent = "" if month.set_aside else f"{costs.champion:.3f}"
        numbers = (f"{costs.default_rate:.1%}", spent, f"{costs.first:.3f}")
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    items = "".join(f"<li>{line}</li>" for line in said)
    name = "<b>" if month.cohort in (play.change, play.material) and play.scenario != "stable" else ""
    end = "</b>" if name else ""
    return (
        f"<tr><td>{name}{month.cohort}{end}</td><td>{escape(month.version)}</td>"
        f"<td>{f'<ul>{items}</ul>' if items else ''}</td>{cells}</tr>"
    )
