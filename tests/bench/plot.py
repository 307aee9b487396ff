# SPDX-License-Identifier: LGPL-2.1-or-later
"""A picture of what was measured, as SVG: for each figure a row of dots for each contender."""

import statistics
from xml.sax.saxutils import escape

COLOURS = {'avi': '#1a5fb4', 'rust': '#c64600', 'go': '#26a269', 'mosquitto': '#613583', 'zenoh': '#986a44',
           'bare': '#77767b'}
NOTE = ('A large dot is the median, small dots are runs, the bar spans them. '
        'Each figure has a scale of its own, which begins at 0.')

COLUMNS = 2
MARGIN, GAP = 24, 32            # around all, between columns
PANEL = 464                     # width of a figure
LABEL, VALUE = 68, 180          # of that, left and right of the scale
HEAD, TITLE, ROW, SPACE = 76, 26, 20, 18
WIDTH = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GAP
STYLE = '''text { font: 12px system-ui, sans-serif; fill: #3d3846 }
.title { font-size: 18px; font-weight: 600; fill: #241f31 }
.name { font-size: 13px; font-weight: 600; fill: #241f31 }
.faint { fill: #77767b }
.right { text-anchor: end }
.scale { stroke: #deddda; stroke-width: 1 }'''


def number(value):
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def spread(values):
    """Median (least–most)"""
    return f'{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})'


def text(x, y, words, kind=''):
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def dot(x, y, radius, opacity=1.0):
    return f'<circle cx="{x:.1f}" cy="{y:g}" r="{radius:g}" fill-opacity="{opacity:g}"/>'


def draw_row(name, values, y, greatest):
    """One contender's runs on a scale that ends at the greatest value of the figure."""
    start, length = LABEL, PANEL - LABEL - VALUE
    places = [start + length * value / greatest for value in values]
    yield text(0, y + 4, name)
    yield f'<line x1="{start}" x2="{start + length}" y1="{y}" y2="{y}" class="scale"/>'
    yield f'<g fill="{COLOURS.get(name, "#241f31")}">'
    yield (f'<rect x="{min(places) - 3:.1f}" y="{y - 3}" width="{max(places) - min(places) + 6:.1f}" height="6" '
           'rx="3" fill-opacity="0.3"/>')
    yield from (dot(place, y, 2, 0.6) for place in places)
    yield dot(statistics.median(places), y, 4.5) + '</g>'
    yield text(PANEL, y + 4, spread(values), 'right')


def draw_figure(figure, runs, x, y):
    greatest = max(max(values) for values in runs.values()) or 1.0
    yield f'<g transform="translate({x} {y})">'
    yield text(0, 12, figure.name, 'name')
    yield text(PANEL, 12, f'{figure.unit}, {figure.better} is better', 'faint right')
    for i, (name, values) in enumerate(runs.items()):
        yield from draw_row(name, values, TITLE + ROW * i + ROW // 2, greatest)
    yield '</g>'


def height(runs):
    return TITLE + ROW * len(runs) + SPACE


def draw(results, title):
    """`results`: of (figure, {contender's name: its values}), as they were measured."""
    results = [(figure, {name: values for name, values in runs.items() if values}) for figure, runs in results]
    results = [(figure, runs) for figure, runs in results if runs]
    bottoms = [HEAD] * COLUMNS
    shapes = []
    # In reading order: a row of figures is as high as its highest.
    for i, (figure, runs) in enumerate(results):
        column = i % COLUMNS
        if column == 0:
            bottoms = [max(bottoms)] * COLUMNS
        shapes += draw_figure(figure, runs, MARGIN + column * (PANEL + GAP), bottoms[column])
        bottoms[column] += height(runs)
    total = max(bottoms) + MARGIN - SPACE
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{total}" viewBox="0 0 {WIDTH} {total}">',
        f'<title>{escape(title)}</title>',
        f'<style>{STYLE}</style>',
        f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>',
        text(MARGIN, 34, title, 'title'),
        text(MARGIN, 54, NOTE, 'faint'),
        *shapes,
        '</svg>', ''])
