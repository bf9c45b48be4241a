"""Draws the memory of a sync over the bytes that it has read or written, as an SVG."""

from pathlib import Path

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 30, 50
MB, GB = 1_000_000, 1_000_000_000


def draw(samples: list[tuple[float, int, int]], file: Path, what: str = "input read") -> None:
    most_read = max(read for _, _, read in samples) / GB
    most_held = max(20 * -(-max(resident for _, resident, _ in samples) // (20 * MB)), 20)

    def x(read: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * read / GB / most_read

    def y(resident: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * resident / MB / most_held

    lines = []
    for held in range(0, most_held + 1, 20):
        at = y(held * MB)
        lines.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{held}</text>')
    step = max(1, round(most_read / 10))
    for read in range(0, int(most_read) + 1, step):
        lines.append(f'<text x="{x(read * GB):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{read}</text>')
    # One point for each pixel is enough.
    every = max(1, len(samples) // (WIDTH - LEFT - RIGHT))
    points = " ".join(f"{x(read):.1f},{y(resident):.1f}" for _, resident, read in samples[::every])
    file.write_text(
        f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">
<title>Resident memory of the connector over the {what}</title>
<style>
text {{ font: 12px sans-serif; fill: #555 }}
.grid {{ stroke: #ccc; stroke-width: 1 }}
.held {{ fill: none; stroke: #1768b3; stroke-width: 1.5 }}
</style>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
{chr(10).join(lines)}
<polyline class="held" points="{points}"/>
<text x="{LEFT}" y="18">resident memory, MB</text>
<text x="{WIDTH - RIGHT}" y="{HEIGHT - 12}" text-anchor="end">{what}, GB</text>
</svg>
"""
    )
