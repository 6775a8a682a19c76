# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A flame graph: a drawing of a tree of calls, in which width is instructions, as an SVG of its own."""

import colorsys
from xml.sax.saxutils import escape, quoteattr

WIDTH = 1200
ROW = 17
MARGIN = 10
LETTER = 6.6        # wide
LEAST = 0.3         # of what is drawn at all, in pixels

SCRIPT = """
const frames = [...document.querySelectorAll('.frame')];
const width = %(width)s;
function zoom(to) {
    const left = +to.dataset.x, size = +to.dataset.w;
    for (const each of frames) {
        const x = (each.dataset.x - left) / size * width, w = each.dataset.w / size * width;
        const a = Math.max(x, 0), b = Math.min(x + w, width);
        each.style.display = b - a < 0.3 ? 'none' : '';
        each.querySelector('rect').setAttribute('x', a + %(margin)s);
        each.querySelector('rect').setAttribute('width', Math.max(b - a, 0.1));
        const text = each.querySelector('text'), room = Math.floor((b - a - 4) / %(letter)s);
        text.setAttribute('x', a + %(margin)s + 3);
        text.textContent = room < 3 ? '' : each.dataset.n.length <= room ? each.dataset.n
            : each.dataset.n.slice(0, room - 1) + '\\u2026';
    }
}
for (const each of frames) each.addEventListener('click', () => zoom(each));
"""


def colours(parts):
    """As far from each other as they can be, and light enough for black letters."""
    result = {}
    for number, part in enumerate(parts):
        red, green, blue = colorsys.hls_to_rgb(number * 0.381966 % 1, 0.72 - 0.08 * (number % 2), 0.65)
        result[part] = f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
    return result


def shortened(name, width):
    room = int((width - 4) / LETTER)
    if room < 3:
        return ""
    return name if len(name) <= room else name[:room - 1] + "…"


def draw(contexts, parts, title, requests):
    """The SVG's text. Roots are at the bottom; a click makes a frame as wide as the drawing."""
    whole = contexts.merged()
    colour = colours(parts)
    scale = (WIDTH - 2 * MARGIN) / contexts.total
    boxes = []

    def place(frame, x, depth):
        width = frame.all * scale
        if width < LEAST:
            return
        boxes.append((frame, x, width, depth))
        for each in frame.below:
            place(each, x, depth + 1)
            x += each.all * scale

    place(whole, 0, 0)
    rows = max(depth for *_, depth in boxes) + 1
    used = [part for part in parts if any(box[0].part == part for box in boxes)]
    columns = 5
    legend = -(-len(used) // columns)
    top = 34 + legend * 18
    height = top + rows * ROW + MARGIN
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="{MARGIN}" y="20" font-size="14">{escape(title)}</text>']
    for number, part in enumerate(used):
        x = MARGIN + number % columns * (WIDTH - 2 * MARGIN) / columns
        y = 30 + number // columns * 18
        text.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" fill="{colour[part]}"/>'
                    f'<text x="{x + 17:.1f}" y="{y + 10}">{escape(part)}</text>')
    for frame, x, width, depth in boxes:
        y = height - MARGIN - (depth + 1) * ROW
        told = f"{frame.name}: {frame.all / requests:,.0f} a request, " \
               f"{100 * frame.all / contexts.total:.1f} %; itself {frame.own / requests:,.0f}, " \
               f"{frame.calls / requests:.2f} calls"
        if frame.part:
            told += f"; {frame.part}"
        text.append(
            f'<g class="frame" data-x="{x:.3f}" data-w="{width:.3f}" data-n={quoteattr(frame.name)}>'
            f'<title>{escape(told)}</title>'
            f'<rect x="{x + MARGIN:.2f}" y="{y}" width="{max(width - 0.2, 0.1):.2f}" height="{ROW - 1}" '
            f'fill="{colour.get(frame.part, "#dddddd")}" rx="1"/>'
            f'<text x="{x + MARGIN + 3:.2f}" y="{y + 12}" pointer-events="none">'
            f'{escape(shortened(frame.name, width))}</text></g>')
    script = SCRIPT % {"width": WIDTH - 2 * MARGIN, "margin": MARGIN,
                       "letter": LETTER}
    return "\n".join(text + [f"<script><![CDATA[{script}]]></script>", "</svg>"]) + "\n"
