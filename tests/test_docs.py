"""The documents say what the code is: commands, flags, rooms, dependencies, recipe keys, links.

Prose cannot be tested. What stands in it as a name can: a command that arrives without its section fails here by name.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import winnow
from curate.outcome import LEDGER
from curate.recipe import Recipe
from curate.rubric import CHECKS
from evalsuite.runs import SUITES, WRITTEN
from evalsuite.suite import TABLE

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
COMMANDS: dict[str, Any] = dict(typer.main.get_command(winnow.app).commands)  # type: ignore[attr-defined]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PLANNED = "Planned, not built"

by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def sections(text: str, level: int = 2) -> dict[str, str]:
    """Heading -> what stands below it, up to the next heading of its level."""
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)
    return {title.strip(): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}


def section_of(command: str) -> str:
    found = sections(read("docs/commands.md"))
    assert f"winnow {command}" in found, f"docs/commands.md has no section '## winnow {command}'"
    return found[f"winnow {command}"]


def flags_of(command: str) -> set[str]:
    """All long and short flags of a command, `--help` apart."""
    params = [param for param in COMMANDS[command].params if param.param_type_name == "option"]
    flags = {flag for param in params for flag in (*param.opts, *param.secondary_opts)}
    return flags - {"--help"}


def named_flags(text: str) -> set[str]:
    return set(re.findall(r"`(--?[a-z][a-z-]*)", text))


def typed(text: str) -> list[tuple[str, set[str]]]:
    """Every `winnow COMMAND ...` line of a document, with the flags in it."""
    lines = re.findall(r"winnow ([a-z]+)((?: [^`\n&|]*)?)", text)
    return [
        (command, set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest))) for command, rest in lines if command in COMMANDS
    ]


# -- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section_with_an_example(command: str) -> None:
    section = section_of(command)
    assert f"$ winnow {command} " in section, f"the section of {command} shows no example"
    assert "Exit codes:" in section, f"the section of {command} names no exit codes"
    assert f"(#winnow-{command})" in read("docs/commands.md"), f"{command} is missing from the list at the top"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_in_its_help(command: str) -> None:
    epilog = COMMANDS[command].epilog or ""
    assert f"winnow {command} " in epilog, f"winnow {command} --help ends without an example"
    assert all(flag in flags_of(command) for name, flags in typed(epilog) if name == command for flag in flags)


def test_no_section_is_about_a_command_that_is_not_there() -> None:
    named = {
        title.removeprefix("winnow ") for title in sections(read("docs/commands.md")) if title.startswith("winnow ")
    }
    assert named <= COMMANDS.keys(), f"docs/commands.md tells of {sorted(named - COMMANDS.keys())}"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_names_the_flags_of_its_command(command: str) -> None:
    named, known = named_flags(section_of(command)), flags_of(command)
    assert known <= named, f"docs/commands.md, winnow {command}: not named: {sorted(known - named)}"
    assert named <= known, f"docs/commands.md, winnow {command}: no such flag: {sorted(named - known)}"


@by_name
def test_every_flag_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for command, flags in typed(text):
        assert flags <= flags_of(command), f"winnow {command} has no {sorted(flags - flags_of(command))}"
    if document.parent == DOCS:
        known = {"--help", "--check"}.union(*(flags_of(command) for command in COMMANDS))
        assert named_flags(text) <= known, f"no command has {sorted(named_flags(text) - known)}"


def test_the_readme_names_every_command() -> None:
    missing = [command for command in COMMANDS if f"winnow {command}" not in read("README.md")]
    assert not missing, f"README.md does not mention {missing}"


# -- what the pages list ----------------------------------------------------------------------------------------------


def recipe_keys() -> set[str]:
    """`near`, `near.threshold`, ... as a person writes them."""
    keys = set()
    for name, field in Recipe.model_fields.items():
        keys.add(outer := field.alias or name)
        kinds = [
            kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(kind, type)
        ]
        for model in (kind for kind in kinds if issubclass(kind, BaseModel)):
            keys |= {f"{outer}.{inner}" for inner in model.model_fields}
    return keys


def test_every_recipe_key_is_told_with_its_default() -> None:
    import yaml

    from curate import recipe

    block = re.search(r"```yaml\n(.*?)```", sections(read("docs/curation.md"))["The recipe"], re.DOTALL)
    assert block, "docs/curation.md shows no recipe"
    shown = yaml.safe_load(block[1])
    told = set(shown) | {
        f"{outer}.{inner}" for outer, inner in shown.items() if isinstance(inner, dict) for inner in inner
    }
    assert told == recipe_keys()
    plain, default = recipe.of(shown).to_dict(), Recipe().to_dict()
    # Three defaults are None in code, because the detector or the encoder brings its own.
    from curate import pii, toxicity

    default["pii"]["threshold"], default["toxicity"]["threshold"] = pii.THRESHOLD, toxicity.load().threshold
    default["encoder"] = "all-MiniLM-L6-v2"
    assert plain == default


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/curation.md", tuple(LEDGER.names())),
        ("docs/evaluation.md", (*SUITES, *WRITTEN, *TABLE.names(), *CHECKS)),
    ],
    ids=["ledger", "evaluation"],
)
def test_a_page_names_all_columns_and_kinds(page: str, names: tuple[str, ...]) -> None:
    missing = [name for name in names if f"`{name}`" not in read(page)]
    assert not missing, f"{page} does not name {missing}"


def test_shipped_cases_are_counted_as_they_are() -> None:
    page = read("docs/evaluation.md")
    for path in (ROOT / "evalsuite" / "cases").glob("*.jsonl"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        row = next((line for line in page.splitlines() if line.startswith(f"| `{path.stem}` ")), "")
        assert f" {count} " in row, f"{path.name} holds {count} cases; docs/evaluation.md says otherwise: {row!r}"


def test_every_option_of_training_has_its_default_in_the_page() -> None:
    page = sections(read("docs/training.md"))["The defaults"]
    told = named_flags(page)
    choices = flags_of("train") - {"--json", "--dry-run", "--base", "--price-per-hour", "--chat-template"}
    choices -= {"--no-gradient-checkpointing"}
    assert choices <= told, f"docs/training.md does not name {sorted(choices - told)}"


# -- the house --------------------------------------------------------------------------------------------------------


def rooms() -> set[str]:
    found = {path for package in ("curate", "train", "evalsuite") for path in (ROOT / package).rglob("*.py")}
    front = {ROOT / package / "__init__.py" for package in ("curate", "train", "evalsuite")}
    return {str(path.relative_to(ROOT)) for path in found - front if "sample_data" not in path.parts}


def test_the_design_names_every_room_and_no_other() -> None:
    named = set(re.findall(r"^\| `([\w/]+\.py)` \|", sections(read("docs/design.md"))["Rooms"], re.MULTILINE))
    assert rooms() <= named, f"docs/design.md, Rooms: missing {sorted(rooms() - named)}"
    assert named <= rooms(), f"docs/design.md, Rooms: not there {sorted(named - rooms())}"


@by_name
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    places = r"(?:curate|train|evalsuite|sample_data|rubrics|benchmarks|tests|docs)"
    for path in re.findall(rf"(?<![\w/-])({places}/[\w./-]*\w\.(?:py|md|txt|json|jsonl|yaml|parquet))\b", text):
        assert (ROOT / path).exists(), f"{document.name} names {path}, which is not there"


def test_planned_commands_are_not_built() -> None:
    planned = sections(read("docs/design.md"))[PLANNED]
    line = next(line for line in planned.splitlines() if line.startswith("- Commands:"))
    built = set(re.findall(r"`(\w+)`", line.split(";")[0])) & COMMANDS.keys()
    assert not built, f"docs/design.md lists {sorted(built)} as planned, but they are there"


def test_every_dependency_has_its_reason() -> None:
    wanted = [*PROJECT["dependencies"], *(dep for extra in PROJECT["optional-dependencies"].values() for dep in extra)]
    names = {re.match(r"[\w.-]+", dep)[0] for dep in wanted}  # type: ignore[index]
    rows = re.findall(r"^\| `([\w.-]+)` \|(.+)\|(.+)\|(.+)\|$", read("docs/dependencies.md"), re.MULTILINE)
    told = {name for name, *cells in rows if all(cell.strip() for cell in cells)}
    assert names <= told, f"docs/dependencies.md has no full line for {sorted(names - told)}"
    assert told <= names, f"docs/dependencies.md tells of {sorted(told - names)}, which is no dependency"


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## \[([^\]]+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert newest, "CHANGELOG.md names no version"
    assert newest[1] == PROJECT["version"]


# -- links and manners ------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """What a forge makes of headings: lower case, no marks, hyphens for spaces."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@by_name
def test_links_resolve(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        place, _, anchor = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        assert target.exists(), f"{document.name}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{document.name}: {target.name} has no heading '#{anchor}'"


@by_name
def test_manners(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert "\u2014" not in text, "an em dash"
    assert not re.search("[\U0001f300-\U0001faff\u2600-\u26ff\ufe0f]", text), "an emoji"
    assert not re.search(r"(?<![\w.])/(?:home|root|work|tmp|Users)/", text), "a path of somebody's machine"
    assert "@@" not in text, "a place that was never filled"


def test_the_place_for_planted_faults_is_there() -> None:
    readme = read("README.md")
    assert readme.count("<!-- planted:begin -->") == readme.count("<!-- planted:end -->") == 1
    assert readme.index("<!-- planted:begin -->") < readme.index("<!-- planted:end -->")
