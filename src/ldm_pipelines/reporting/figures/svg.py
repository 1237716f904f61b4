"""matplotlib's SVG made fit for people and pages: described, in the colour of its surroundings, embeddable."""

import re
from xml.etree import ElementTree

from ldm_pipelines.reporting.figures.style import FALLBACKS, FONT, INK, INK_ON_DARK

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
_STYLE = f"svg {{ color: {INK} }} @media (prefers-color-scheme: dark) {{ svg {{ color: {INK_ON_DARK} }} }}"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def finished(drawn: str, title: str, description: str) -> str:
    """A file of its own, without metadata, for light and dark grounds; what it shows is said to screen readers."""
    root = ElementTree.fromstring(drawn)  # noqa: S314 - drawn by us
    for definitions in root.findall(f"{{{SVG}}}defs"):
        for style in definitions.findall(f"{{{SVG}}}style"):
            definitions.remove(style)  # holds for every element of a page that embeds it
    root.attrib |= {
        "role": "img", "aria-labelledby": "title description",
        "font-family": FALLBACKS, "stroke-linejoin": "round", "stroke-linecap": "butt",
    }  # fmt: skip
    for position, (tag, text) in enumerate((("title", title), ("desc", description), ("style", _STYLE))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}")
        element.text = text
        if tag != "style":
            element.set("id", {"title": "title", "desc": "description"}[tag])
        root.insert(position, element)
    for element in root.iter():
        if given := element.get("style"):
            element.set("style", given.replace(INK, "currentColor").replace(f"font-family: '{FONT}'; ", ""))
    return _text(root)


def inlined(svg: str, prefix: str) -> str:
    """For embedding in a page, as often as there are different prefixes: every id starts with ``prefix``.

    Without size and style of its own: it fills its place and takes font and colour from the text around it.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - drawn by us
    for style in root.findall(f"{{{SVG}}}style"):
        root.remove(style)
    for key in ("width", "height", "font-family"):
        root.attrib.pop(key, None)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.attrib[key] = f"{prefix}-{value}"
            elif key == "aria-labelledby":
                element.attrib[key] = " ".join(f"{prefix}-{name}" for name in value.split())
            elif key == f"{{{XLINK}}}href":
                element.attrib[key] = f"#{prefix}-{value.removeprefix('#')}"
            else:
                element.attrib[key] = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
    return _text(root)


def _text(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
