"""The JavaScript of a page: Bokeh draws the map, DataTables (of itables) sorts, filters and pages the tables.

    found = scripts()               # None where the extra `map` is not installed
    found.policy                    # "script-src 'sha256-...' 'sha256-...'"

Both libraries ship their scripts inside their Python packages; they are put into the page as they are, so that it asks the
network for nothing. The page's policy names each script by its hash: no other script runs in it, whatever a row says. Bokeh's
WebGL part is left out: it writes functions at run time, for which the policy would have to allow `eval`.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import util
from pathlib import Path

from markupsafe import Markup

from curate.errors import Surroundings

EXTRA = 'pip install "winnow-tune[map]"'
GLUE = "page.js"
PACKAGES = ("bokeh", "itables")
_EXPORT = re.compile(r"\bexport\s*\{([^{}]*)\}\s*;?")


@dataclass(frozen=True)
class Scripts:
    """The scripts of a page, in order: each with its type."""

    parts: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def policy(self) -> str:
        """The directive that lets these scripts run and no other."""
        return "script-src " + " ".join(f"'sha256-{_hash(text)}'" for _, text in self.parts)

    @property
    def elements(self) -> Markup:
        """The scripts as elements. `</script` cannot stand in them: `scripts` looks."""
        return Markup("\n").join(Markup(f'<script type="{kind}">{text}</script>') for kind, text in self.parts)


def missing() -> tuple[str, ...]:
    """Which of the packages are not installed."""
    return tuple(name for name in PACKAGES if util.find_spec(name) is None)


@cache
def scripts() -> Scripts | None:
    """The scripts of a page with a map and live tables; None where a package is not installed."""
    if missing():
        return None
    glue = Path(__file__).with_name(GLUE).read_text(encoding="utf-8")
    tables = _as_value(_shipped("itables", "html/dt_bundle.js"))
    bokeh = _shipped("bokeh", "server/static/js/bokeh.min.js")
    return Scripts((("text/javascript", _whole(bokeh)), ("module", _whole(tables + glue))))


def _shipped(package: str, path: str) -> str:
    found = util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    place = Path(found.origin).parent / path
    if not place.is_file():
        raise Surroundings(f"this version of {package} has no {Path(path).name}", hint=EXTRA)
    return place.read_text(encoding="utf-8")


def _as_value(module: str) -> str:
    """A module that stands inside a page exports to nobody: its default export is named `DataTable` for what follows it."""
    exports = _EXPORT.findall(module)
    names = (
        {there: here for pair in exports[-1].split(",") for here, _, there in [pair.strip().partition(" as ")]}
        if exports
        else {}
    )
    if "default" not in names:
        raise Surroundings("this version of itables exports no table", hint=EXTRA)
    return _EXPORT.sub("", module) + f"\nconst DataTable = {names['default']};\n"


def _whole(text: str) -> str:
    """A script that ends where it ends, and not before: in a page `</script` closes it, `<!--` may open a comment."""
    # In strings and patterns of JavaScript `<\/` is `</`; elsewhere neither can stand. A carriage return would change the hash.
    text = re.sub(r"</(?=script)", r"<\\/", text.replace("\r\n", "\n").replace("\r", "\n"), flags=re.IGNORECASE)
    return text.replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
