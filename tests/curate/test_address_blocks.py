"""Address blocks: pieces of one address become one finding, and nothing else changes. Findings are written into the texts."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from faker import Faker
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curate import names, pii
from curate.naming import block_parts, blocks
from curate.pii import Finding, Findings
from curate.with_names import with_names

KINDS = {
    "S": "STREET_ADDRESS",
    "L": "LOCATION",
    "P": "PERSON",
    "O": "ORGANIZATION",
    "M": "EMAIL",
    "T": "PHONE",
    "Z": "STREET_ADDRESS",
}
MARK = re.compile(r"\[([SLPOMTZ]) ([^\]]*)\]")


def marked(text: str) -> tuple[str, Findings]:
    """`[L Leeds]` is a finding of a place on "Leeds"; S: street, Z: a postal code beside its word."""
    bare, found, done = "", [], 0
    for match in MARK.finditer(text):
        bare += text[done : match.start()]
        rule = {"Z": "PostalCode", "S": "StreetAddress"}.get(match[1], "test")
        found.append(Finding(len(bare), len(bare) + len(match[2]), KINDS[match[1]], 0.9, rule))
        bare, done = bare + match[2], match.end()
    return bare + text[done:], tuple(found)


def said(text: str, found: Sequence[Finding]) -> list[str]:
    return [text[f.start : f.end] for f in found if f.kind == "STREET_ADDRESS"]


BLOCKS = [  # a text with the pieces that were found, and the block in it
    ("[P Jane Doe]\n[S 12 Oak Street]\nFlat 2\n[P Leeds]\nLS1 4AB\n[L United Kingdom]", "12 Oak Street\nFlat 2\nLeeds\nLS1 4AB\nUnited Kingdom"),
    ("To [O Acme Ltd.], [S 1777 Kramer Court], Suite 680, [L Springfield], IL 62704.", "1777 Kramer Court, Suite 680, Springfield, IL 62704"),
    ("Apt. 805\n[S 14 Elm Road]\n[P Toronto], ON M5V 2T6\nDear Tom,", "Apt. 805\n14 Elm Road\nToronto, ON M5V 2T6"),
    ("[S Beckergasse 8]\n63608 Zschopau\nDeutschland\nTel. 030 1", "Beckergasse 8\n63608 Zschopau\nDeutschland"),
    ("[S 5, avenue Samson]\nBât. B\n75011 [L Paris]\n[L France]", "5, avenue Samson\nBât. B\n75011 Paris\nFrance"),
    ("[S Viale Goffredo, 19], 13031 [L Arborio] (VC), Italia", "Viale Goffredo, 19, 13031 Arborio (VC), Italia"),
    ("[S Calle Mayor 3], 2º B\n28013 [L Madrid]\nEspaña", "Calle Mayor 3, 2º B\n28013 Madrid\nEspaña"),
    ("[S Kerkstraat 7]\n1317 YB Almere\nNederland", "Kerkstraat 7\n1317 YB Almere\nNederland"),
    ("[S Skolvägen 76]\nSE-717 06 Ängelholm", "Skolvägen 76\nSE-717 06 Ängelholm"),
    ("[S ul. Leśna 77] m. 5\n61-668 Kołobrzeg", None),  # "m. 5" is a unit that the rule does not know
    ("[S Jardim Campos, 87]\n[L Vila Da Luz]\n31706-690 [P Ferreira] / ES\n[L Brasil]", "Jardim Campos, 87\nVila Da Luz\n31706-690 Ferreira / ES\nBrasil"),
    ("[S 17 Kennedy Lane]\n[L East Tony], VIC, 2609\nAustralia", "17 Kennedy Lane\nEast Tony, VIC, 2609\nAustralia"),
    ("[S 4 Gandhi Road], [L Bhagalpur]-706690, [L India]", "4 Gandhi Road, Bhagalpur-706690, India"),
    ("[S Vesterbrogade 4]\n1620 København\nDanmark", "Vesterbrogade 4\n1620 København\nDanmark"),
    ("[S Bahnhofstrasse 1] · CH-8001 [L Zürich] · Schweiz · www.corp.example", "Bahnhofstrasse 1 · CH-8001 Zürich · Schweiz"),
    ("[P Tom Becker] | [S 12 High Street] | [L Bristol] | BS1 4DJ | UK | [T 0117 496 0000]", "12 High Street | Bristol | BS1 4DJ | UK"),
    ("[P Jane Doe],[S 12 Oak Street],[L Springfield],IL,62704,USA,[M jane@corp.example]", "12 Oak Street,Springfield,IL,62704,USA"),
    ('"[P Doe]","[S 12 Oak Street]","[L Springfield]","IL","62704"', '12 Oak Street","Springfield","IL","62704'),
    ("    [S 9 Mill Lane]\n    [L Cork]\n    [L Ireland]\n    Phone: 1", "9 Mill Lane\n    Cork\n    Ireland"),
    ("We ship to [S 12 Oak Street], [L Springfield], IL 62704 by Friday.", "12 Oak Street, Springfield, IL 62704"),
    ("[S 12 Oak Street\nSpringfield], IL 62704\n[L USA]", "12 Oak Street\nSpringfield, IL 62704\nUSA"),  # what was found is longer
    ("[S 1 Queen Street]\\n[L Auckland] 1010\\nNew Zealand", "1 Queen Street\\nAuckland 1010\\nNew Zealand"),  # text in JSON
    ("743 [P Rachel Burgs]\nNorth [L Debratown], FM 50466", "743 Rachel Burgs\nNorth Debratown, FM 50466"),  # no street found
    ("Novodvorská 189\n482 88 [P Lysá]\n[L France]", "Novodvorská 189\n482 88 Lysá\nFrance"),
    ("[S 12 Oak Street]\n[L Leeds], [L UK]\n[P Jane Doe]\n[L Paris]", "12 Oak Street\nLeeds, UK"),
    ("[S 8 Robinson Road]\n#08-01\nSingapore 068898", "8 Robinson Road\n#08-01\nSingapore 068898"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "block"), BLOCKS)
def test_a_block_is_one_address(text: str, block: str | None) -> None:
    bare, found = marked(text)
    joined = blocks.joined(bare, found)
    if block is None:
        assert joined is found
        return
    assert said(bare, joined) == [block]
    start = bare.index(block)
    # What stands before and behind is as it was.
    assert [f for f in joined if f.kind != "STREET_ADDRESS"] == [
        f for f in found if f.end <= start or f.start >= start + len(block)
    ]


SENTENCES = [
    "I moved from [S 12 Mill Lane] to [L Leeds], and [L Finland] was cold.",
    "I live at [S 12 Mill Lane], [L Leeds], and [L Finland] was cold.",
    "At [S 12 Mill Lane], [L Finland] was cold.",
    "He sold [S 12 Oak Street]. [L England] was next.",
    "At [S 12 Oak Street], 2019 was a good year.",
    "[S 12 Oak Street], [L Leeds], 2000 people came.",
    "[S 12 Oak Street], [L Leeds], 2019",
    "Meet me at [S 12 Oak Street]\nDear Ms [P Lowe],\n12345 copies",
    "[S 12 Oak Street]\nPhone: 20393\n[L France]",
    "[S 12 Oak Street]\nPhone 20393\n[L France]",
    "[S 12 Oak Street]\n[P John Smith]\n\n[L France] won.",
    "Offices at [S 12 Mill Lane], [L London], [L Paris], [L Berlin] and [L Rome].",
    "Offices at [S 12 Mill Lane], [L London], [L France], [L Spain] and [L Peru].",
    "Flights from [S 12 Mill Lane], [L London], [L Paris], [L Rome], [L Oslo], [L Norway]",
    "[S 12 Oak Street], Apt 5 is for rent, 90210 dollars.",
    "[S 12 Oak Street]; [L Paris] 2024 was fun.",
    "From [S 5 High Street], over the bridge, to [L Leeds], [L UK].",
    "[S 12 Oak Street], [L Leeds]: 34567 units",
    "[S 12 Oak Street], 20000 Euros.",
    "[S 12 Oak Street], [L Leeds], 20000 €",
    "[S 12 Oak Street]\n- [L France]\n- [L Spain]",
    "[P Jane] lives at [S 12 Oak Street]. [L Leeds] LS1 4AB is elsewhere.",
    "[S 12 Oak Street]\nRegards\n[P Paul Ireland]",
    "[S 12 Oak Street]\n[M jane@corp.example]\n[L France]",
    "[S 12 Oak Street]\nOrder 55512\n[L USA]",
    "[S 12 Oak Street]\n\n[L France]",
    "[S 12 Oak Street], a house in [L Leeds], [L England]",
    "Apt. 5 is free.\n[S 12 Oak Street] is not.",
    "[S 12 Oak Street], [P Jane Doe], [P Tom Becker]",
    "ZIP: [Z 62704]\n[L Springfield]\n[L USA]",
    "1 [L Paris], [L France]\n2 [L Rome], [L Italy]",
    "Flight 747\n12345 [L Leeds] people",
    "[S 12 Oak Street] [L Leeds]",
    "Winners\n\n2022 [L Argentina]\n2018 [L France]\n2014 [L Germany]",
    "11 [L Leeds] United\n24680 [L York] City\n",
    "Songs of 1984\n12345 [L York]",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_without_evidence_all_stays(text: str) -> None:
    bare, found = marked(text)
    assert blocks.joined(bare, found) is found


def test_a_quoted_block_is_found_line_by_line_without_its_marks() -> None:
    bare, found = marked(
        "> [P John Smith]\n> Apt. 805\n> [S 14 Elm Road]\n> [P Leeds]\n> LS1 4AB\n> [P Ireland]\n> Phone: 1"
    )
    joined = blocks.joined(bare, found)
    assert said(bare, joined) == ["Apt. 805", "14 Elm Road", "Leeds", "LS1 4AB"]
    # A country alone in its line is a place, and so is what was found as one.
    assert [(f.kind, bare[f.start : f.end]) for f in joined if f.kind != "STREET_ADDRESS"] == [("PERSON", "John Smith"), ("LOCATION", "Ireland")]  # fmt: skip
    bare, found = marked("> [S 14 Elm Road]\n> [L Leeds]\n> LS1 4AB")
    assert [f.kind for f in blocks.joined(bare, found)] == ["STREET_ADDRESS", "LOCATION", "STREET_ADDRESS"]
    bare, found = marked("> [S 14 Elm Road\n> Leeds\n> LS1 4AB]")  # also where it was found as a whole
    assert said(bare, blocks.joined(bare, found)) == ["14 Elm Road", "Leeds", "LS1 4AB"]


def test_a_label_that_was_taken_for_a_part_goes() -> None:
    bare, found = marked("[S 12 High Street · Bristol · BS1 4DJ · UK\nTel]. 0117")
    assert said(bare, blocks.joined(bare, found)) == ["12 High Street · Bristol · BS1 4DJ · UK"]
    bare, found = marked("[S 12 High Street\nMobile, AL 36602]")  # a town
    assert blocks.joined(bare, found) is found


def test_two_addresses_stay_two() -> None:
    bare, found = marked("[S 12 Oak St]\n[L Leeds]\nLS1 4AB\n[S 14 Elm Rd]\n[L York]\nYO1 7HH")
    assert said(bare, blocks.joined(bare, found)) == ["12 Oak St\nLeeds\nLS1 4AB", "14 Elm Rd\nYork\nYO1 7HH"]


def test_other_data_is_never_swallowed() -> None:
    bare, found = marked("[S 12 Oak Street]\n[L Leeds]\n[T 20393]\n[L UK]")
    assert blocks.joined(bare, found) is found


PIECE = st.sampled_from(
    ["[S 12 Oak Street]", "[L Leeds]", "[P Jane Doe]", "[M a@b.example]", "LS1 4AB", "IL 62704", "75011", "[L France]", "USA", "Apt. 5", "and",
     "1777 Kramer Court", "Phone: 5", ".", "[O Acme]", "[L Springfield], IL", "> ", "2019", "(VC)", "63608 Zschopau", "[Z 4056]"]
)  # fmt: skip
GLUE = st.sampled_from([", ", "\n", " ", "\n> ", " | ", ",", "\n\n", ". ", "\\n", "  \n   "])
TEXT = st.lists(st.tuples(PIECE, GLUE), max_size=12).map(lambda some: "".join(part + glue for part, glue in some))


@given(TEXT)
@settings(max_examples=300, deadline=None)
def test_findings_stay_in_order_apart_and_nothing_found_is_lost(text: str) -> None:
    bare, found = marked(text)
    joined = blocks.joined(bare, found)
    assert all(a.end <= b.start for a, b in pairwise(joined))
    assert all(0 <= f.start < f.end <= len(bare) and bare[f.start : f.end].strip() for f in joined)
    covered = {at for f in joined for at in range(f.start, f.end)}
    assert all(at in covered or bare[at] in " \n\t>" for f in found for at in range(f.start, f.end))
    # What is no part of an address stays as it is.
    assert {f for f in found if f.kind in ("EMAIL", "PHONE")} <= set(joined)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_without_addresses_findings_are_the_same_object(text: str) -> None:
    bare, found = marked(text.replace("1777 Kramer Court", "").replace("[S 12 Oak Street]", "").replace("12", ""))
    assume(not blocks.HOUSE_LINE.search(bare))
    assert blocks.joined(bare, found) is found


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_segment_can_be_read(text: str) -> None:
    for part in block_parts.read(text):
        assert 0 < part.end <= len(text)
        assert all(0 <= start < end <= part.end for start, end in part.towns)


LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "it_IT", "sv_SE", "pl_PL", "da_DK", "en_CA", "en_AU", "cs_CZ", "no_NO")


def test_written_blocks_of_many_countries_are_found_whole_more_often() -> None:
    """With every piece found as a place and the street as a street, the rule alone finds nearly all blocks."""
    whole = 0
    for locale in LOCALES:
        fake = Faker(locale)
        fake.seed_instance(5)
        for _ in range(10):
            lines = [f"{1 + fake.random_int(1, 90)} Oak Street", f"{fake.postcode()} {fake.city()}", "Germany"]
            block = "\n".join(lines)
            text = f"Send it to\n{block}\nThank you"
            start = text.index(block)
            found = (Finding(start, start + len(lines[0]), "STREET_ADDRESS", 0.9, "StreetAddress"),)
            whole += said(text, blocks.joined(text, found)) == [block]
    assert whole >= 0.95 * 10 * len(LOCALES)


def test_the_finder_joins_and_its_fingerprint_knows_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = with_names(pii.load(), names.load())
    text = "> Jane Doe\n> 14 Elm Road\n> Toronto, ON M5V 2T6\n> Canada\n> Bye"
    assert said(text, finder.find([text])[0]) == ["14 Elm Road", "Toronto, ON M5V 2T6"]
    monkeypatch.setattr(blocks, "__file__", block_parts.__file__)
    assert with_names(pii.load(), names.load()).fingerprint != finder.fingerprint
