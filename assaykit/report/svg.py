"""SVG figures made fit to stand inside one HTML page: own identifiers, no global styles, no fixed size."""

from __future__ import annotations

import re

_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>\s*", re.DOTALL)
_REFERENCE = re.compile(r'(?<=url\(#)[^)]+|(?<=href="#)[^"]+')
_PATH = re.compile(r'\sd="[^"]*"')
_LONG = re.compile(r"(\.\d\d)\d+")  # hundredths of a point are finer than any screen or press
_WIDTH = re.compile(r'<svg[^>]*?viewBox="0 0 ([\d.]+) ')
_IDENTIFIER = re.compile(r'\sid="([^"]+)"')


def inline_svg(svg: str, name: str, label: str) -> str:
    """Return the svg element alone, its identifiers prefixed with `name` and read out as `label`.

    >>> inline_svg('<?xml?><svg width="9pt" height="9pt"><g id="a"/><use href="#b"/><g id="b"/></svg>', "f", "F")
    '<svg role="img" aria-label="F"><g/><use href="#f-b"/><g id="f-b"/></svg>'
    """
    body = _STYLE.sub("", _METADATA.sub("", _PROLOGUE.sub("", svg, count=1)))
    body = re.sub(r'\s(?:width|height)="[^"]*pt"', "", body, count=2)
    body = _PATH.sub(lambda path: _LONG.sub(r"\1", path[0]), body)
    used = set(_REFERENCE.findall(body))
    body = _IDENTIFIER.sub(lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = _REFERENCE.sub(lambda m: f"{name}-{m[0]}", body)
    quoted = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return body.replace("<svg", f'<svg role="img" aria-label="{quoted}"', 1).rstrip()


def width_of(svg: str) -> float:
    """Return the width in points of a figure matplotlib wrote; 0 where it names none.

    >>> width_of('<svg height="9pt" viewBox="0 0 252.3 9" width="252.3pt">')
    252.3
    """
    match = _WIDTH.search(svg)
    return float(match[1]) if match else 0.0
