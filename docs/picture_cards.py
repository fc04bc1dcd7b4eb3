"""How the pictures of docs/storefront.md look: cards of HTML that a browser paints, and pages set side by side.

Values come from the edge's answers and traces; nothing here decides, measures or invents one.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
* { box-sizing: border-box; margin: 0; }
body { background: #fff; font: 15px/1.4 "Liberation Sans", Arial, sans-serif; color: #22271f; }
main { padding: 22px 26px 24px; border: 1px solid #e7ddcc; border-radius: 14px; background: #fffdf9; }
h1 { font: 600 23px/1.2 "Liberation Serif", Georgia, serif; color: #1f3b2d; }
h2 { margin: 18px 0 8px; font-size: 13px; letter-spacing: .04em; text-transform: uppercase; color: #5b6155; }
.note { margin: 3px 0 12px; color: #5b6155; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: 6px 10px; font-size: 13px; font-weight: 600; text-align: left; color: #5b6155; }
th { border-bottom: 2px solid #e7ddcc; }
td { padding: 7px 10px; border-bottom: 1px solid #f0e8d9; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
tr.marked td { background: #fff3cf; }
td.number, th.number { text-align: right; }
td small { display: block; font-size: 13px; color: #5b6155; }
code { font: 13px/1.3 "Liberation Mono", monospace; }
.pill { display: inline-block; padding: 1px 10px; border-radius: 99px; background: #e8e2d4; color: #4a4638; }
.pill { font-size: 13px; font-weight: 700; }
.pill.model { background: #d5ecdd; color: #14512f; }
.pill.rules { background: #dbe8f6; color: #1c4470; }
.pill.fallback { background: #fbe9bf; color: #63470a; }
.cause { color: #b4482a; font-size: 13px; font-weight: 600; }
.flow { display: grid; grid-template-columns: 1.25fr 1.1fr .8fr; gap: 26px; }
.bar { position: relative; margin-bottom: 5px; padding: 4px 10px; border-radius: 7px; background: #f3ebdc; }
.bar { overflow: hidden; }
.bar i { position: absolute; inset: 0 auto 0 0; background: #cfe4d3; }
.bar.bad i { background: #f6cfc0; }
.bar span { position: relative; }
.bar b { position: relative; float: right; }
.big { font: 600 40px/1.1 "Liberation Serif", Georgia, serif; color: #1f3b2d; }
.pages { display: flex; gap: 20px; padding: 0; border: 0; background: #fff; }
.pages figure { flex: 1; min-width: 0; }
.pages img { display: block; width: 100%; border: 1px solid #d9cfbc; border-radius: 12px; }
.pages figcaption { margin-top: 8px; font-size: 15px; font-weight: 600; text-align: center; }
"""


@dataclass(frozen=True)
class Raw:
    """HTML that is made here, so it is not escaped."""

    text: str


Cell = str | float | Raw | None


def document(body: str, width: int) -> str:
    """A page that holds one card."""
    head = f"<!doctype html><meta charset=utf-8><style>{STYLE} body {{ width: {width}px }}</style>"
    return f"{head}<body>{body}</body>"


def card(title: str, note: str, *parts: Raw) -> str:
    """A card with a title, a line below it, and what it shows."""
    body = "".join(part.text for part in parts)
    return f"<main><h1>{escape(title)}</h1><p class=note>{escape(note)}</p>{body}</main>"


def heading(text: str) -> Raw:
    """A heading within a card."""
    return Raw(f"<h2>{escape(text)}</h2>")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], marked: frozenset[int] = frozenset()) -> Raw:
    """A table; numbers stand to the right, marked rows are tinted."""
    known = [list(row) for row in rows]
    numeric = [all(isinstance(row[place], float) for row in known) for place in range(len(columns))]
    kinds = [" class=number" if is_number else "" for is_number in numeric]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for name, kind in zip(columns, kinds, strict=True))
    body = "".join(
        f"<tr{' class=marked' if number in marked else ''}>"
        + "".join(f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for number, row in enumerate(known)
    )
    return Raw(f"<table><tr>{head}</tr>{body}</table>")


def tier(name: str, cause: str | None) -> Raw:
    """A decision's tier as a pill, with its cause."""
    said = f" <span class=cause>{escape(cause)}</span>" if cause else ""
    return Raw(f'<span class="pill {escape(name)}">{escape(name)}</span>{said}')


def lines(first: str, second: str) -> Raw:
    """Two lines in a cell, the second one small."""
    return Raw(f"{escape(first)}<small>{escape(second)}</small>")


def below(first: Raw, second: str) -> Raw:
    """A cell's first line, made here, and a small one."""
    return Raw(f"{first.text}<small>{escape(second)}</small>")


def code(text: str) -> Raw:
    """A name of the bundle's or the engine's."""
    return Raw(f"<code>{escape(text)}</code>")


def bars(counts: Mapping[str, int], most: int, *, is_bad: bool = False) -> Raw:
    """One bar per count."""
    kind = "bar bad" if is_bad else "bar"
    return Raw(
        "".join(
            f'<div class="{kind}"><i style="width:{100 * count / most:.1f}%"></i>'
            f"<b>{count}</b><span>{escape(name)}</span></div>"
            for name, count in counts.items()
        )
    )


def big(number: int, text: str) -> Raw:
    """A number that matters."""
    return Raw(f"<p class=big>{number}</p><p class=note>{escape(text)}</p>")


def columns(*parts: Sequence[Raw]) -> Raw:
    """Parts beside each other."""
    return Raw(f"<div class=flow>{''.join(f'<div>{_joined(part)}</div>' for part in parts)}</div>")


def side_by_side(pages: Mapping[str, bytes]) -> str:
    """Screenshots (JPEG) beside each other, each with its caption."""
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{base64.b64encode(image).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, image in pages.items()
    )
    return f"<main class=pages>{figures}</main>"


def _joined(parts: Sequence[Raw]) -> str:
    return "".join(part.text for part in parts)


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Raw):
        return cell.text
    return escape(cell) if isinstance(cell, str) else f"{cell:.4g}"
