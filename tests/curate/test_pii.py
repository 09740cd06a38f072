"""What the finder of personal data promises: laws first, then examples by kind, then the slow reference."""

import logging
import random
import socket
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import pii
from curate.cache import Cache
from curate.chats import chats_of
from curate.errors import BadInput
from curate.pii import Finding, Findings
from curate.recognisers import RULES

FINDER = pii.load()


def found(text: str, finder: pii.Finder = FINDER) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start : f.end]) for f in finder.find([text])[0]]


PERSONAL = [
    ("EMAIL", "jane.doe+lamps@corp.example.org", "Write to {} today."),
    ("EMAIL", "jane@müller.de", "Write to {}, please"),
    ("EMAIL", "bob@staff.internal", "To: {}"),
    ("EMAIL", "jane@corp.org", "email={}&x=1"),
    ("PHONE", "+44 20 7946 0958", "My line: {}"),
    ("PHONE", "(212) 555-0143", "Reach the desk on {}."),
    ("PHONE", "212-555-0143", "It was {} all along"),
    ("PHONE", "07700 900123", "Ring {} after six"),
    ("PHONE", "030 23125456", "Telefon {}"),
    ("PHONE", "01 99 00 12 34", "Appelez le {}"),
    ("PHONE", "+91 98765 43210", "WhatsApp {}"),
    ("PHONE", "5551234567", "call me at {}"),
    ("PHONE", "212-555-0143x45", "Fax: {}"),
    ("CREDIT_CARD", "4111 1111 1111 1111", "It was charged to {}."),
    ("CREDIT_CARD", "378282246310005", "{} is declined"),
    ("IBAN", "GB82 WEST 1234 5698 7654 32", "Pay into {}."),
    ("IBAN", "de89370400440532013000", "pay into {} now"),
    ("US_SSN", "219-09-9999", "It says {} here"),
    ("US_SSN", "219099999", "My SSN is {}"),
    ("IP", "203.0.113.77", "Seen from {}."),
    ("IP", "2001:db8:75f::eb8c:4c9b:d50b", "Seen from {}"),
    ("MAC", "00:1A:2B:3C:4D:5E", "The card {} is off"),
    ("CRYPTO", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "Send it to {}"),
    ("CRYPTO", "0x52908400098527886E0F7030069857D2E4169EE7", "Send it to {}"),
    ("URL", "https://shop.example/reset?user=jane&token=9f8e7d6c", "Open {} now"),
    ("URL", "https://forum.example/users/jane.doe/posts", "See {}."),
    ("URL", "postgres://bob:hunter2@db.example/orders", "dsn {}"),
    ("DATE_OF_BIRTH", "03/04/1985", "DOB: {}"),
    ("DATE_OF_BIRTH", "12 March 1984", "I was born on {} in Leeds"),
    ("PASSPORT", "943270711", "my passport is {}"),
    ("NATIONAL_ID", "AB 12 34 56 C", "My NI number is {} ok"),
    ("NATIONAL_ID", "130 692 544", "social insurance number: {}"),
    ("NATIONAL_ID", "86095742719", "Steuer-ID {}"),
    ("NATIONAL_ID", "12345678Z", "DNI {} is mine"),
    ("NATIONAL_ID", "RSSMRA85T10A562S", "it says {}"),
    ("NATIONAL_ID", "44051401359", "PESEL {}"),
    ("NATIONAL_ID", "811228-9874", "personnummer {}"),
    ("NATIONAL_ID", "131052-308T", "HETU {}"),
    ("NATIONAL_ID", "4991 1866 5246", "Aadhaar {}"),
    ("NATIONAL_ID", "ABCPE1234F", "PAN card {}"),
    ("NATIONAL_ID", "123 456 782", "TFN {}"),
    ("NATIONAL_ID", "1 84 12 76 451 089 46", "NIR {}"),
    ("NATIONAL_ID", "529.982.247-25", "CPF {}"),
    ("NATIONAL_ID", "111222333", "BSN {}"),
    ("NATIONAL_ID", "85.07.30-033.28", "Rijksregisternummer {}"),
    ("NATIONAL_ID", "11010519491231002X", "resident id {}"),
    ("NATIONAL_ID", "GODE561231HDFRRN09", "CURP {}"),
    ("VEHICLE_ID", "1HGBH41JXMN109186", "VIN {}"),
    ("VEHICLE_ID", "AB12 CDE", "number plate {}"),
    ("DEVICE_ID", "490154203237518", "IMEI {}"),
    ("DEVICE_ID", "C02XG0FDH7JY", "serial number {}"),
    ("MEDICAL_RECORD", "00456789", "MRN {}"),
    ("MEDICAL_RECORD", "XYZ123456789", "member ID: {}"),
    ("DRIVER_LICENSE", "F162823540116", "my driver's license number is {}"),
    ("BANK_ACCOUNT", "12345678", "account number {}"),
    ("BANK_ACCOUNT", "12-34-56", "sort code {}"),
    ("EMPLOYEE_ID", "STF089800", "employee id {}"),
    ("NHS", "943 476 5919", "NHS number {}"),
    ("MEDICAL_LICENSE", "AB1234563", "DEA {}"),
    ("API_KEY", "ghp_1a2B3c4D5e6F7g8H9i0J1k2L3m4N5o6P7q8R", "export {}"),
    ("API_KEY", "9f8e7d6c5b4a39281706f5e4d3c2", 'api_key = "{}"'),
    ("PASSWORD", "hunter2!x", "password: {}"),
    ("USERNAME", "@jane_doe", "Thanks {} for the lamp"),
    ("USERNAME", "jdoe_84", "username: {}"),
    ("STREET_ADDRESS", "742 Evergreen Terrace, Springfield, IL 62704", "It went to {}."),
    ("STREET_ADDRESS", "3 Tanner's Row", "She lives at {}"),
    ("STREET_ADDRESS", "90210", "my zip code is {}"),
    ("STREET_ADDRESS", "4056", "ZIP: {}"),
    ("STREET_ADDRESS", "SW1A 1AA", "postcode {}."),
    ("STREET_ADDRESS", "80331", "PLZ {}"),
    ("DATE_OF_BIRTH", "3 May 1990", "Name: J.\nBorn {}\nSex: F"),
    ("DATE_OF_BIRTH", "03/05/90", "DOB {}"),
    ("DATE_OF_BIRTH", "May 3rd, 1990", "my birthday is {}"),
    ("DATE_OF_BIRTH", "1990-05-03", "date of birth: {}"),
    ("DATE_OF_BIRTH", "3.5.1990", "Name: J.; b. {}"),
]


@pytest.mark.parametrize(("kind", "value", "sentence"), PERSONAL)
def test_personal_data_is_found_whole(kind: str, value: str, sentence: str) -> None:
    assert found(sentence.format(value)) == [(kind, value)]


HARMLESS = [
    "",
    "😀😀",
    "   \n\t",
    "The wars of 1914-1918-1939 and 1939-1945.",
    "Founded in 1977; see 2020-01-15 and 15.01.2020, and 12:30:45.",
    "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, DOI 10.1000/182",
    "John 3:16, Genesis 1:1-2:3, 1 Corinthians 13:4-7",
    "pi is 3.14159265358979 and e is 2.718281828459045; 0.4407322 secs, 0.307-0.588 AU",
    "The element (4, 2) of Z_12 x Z_8; x^2 + 1 = 0; 1 2 3 4 5 6 7; 1234567 + 7654321 = 8888888",
    "1 000 000 000 or 1.000.000 or 10,000,000 people",
    "x[::2] and x[::-1], std::vector, add::fed",
    "grade.app and main.py, see https://docs.example.org/guide and www.example.com.",
    "https://shop.example/item/5551234567?ref=2125550143",
    "@app.route('/')\ndef f(): ...",
    "@Override\npublic void run() {}",
    "clone git@github.com:org/repo.git",
    "mail yourname@yourdomain.com or {first}@corp.example.com",
    "listen on 127.0.0.1 or 0.0.0.0, mask 255.255.255.0, version 10.4.3.2, section 1.2.3.4",
    "Ada was born on 10 December 1915 and died in London.",
    "ABCDEFGHIJKL and 123456789 and A12345678 stand alone",
    "the public 12345678901 was told",
    "order number 212-555-0143",
    "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c",
    "550e8400-e29b-41d4-a716-446655440000",
    "01 02 03 04 05",
    "lottery 10-11-12-13-14-15",
    "OPENAI_API_KEY=your_api_key_goes_here_1 password: ********",
    "the bank by 341 George Street",
    "zip file 12345, unzip 12345, ZIP 12345 files, zip 3 times, the post of 12345",
    "Ada (born 3 May 1990) and Bo (b. 3 May 1990; /bo/; born 4 May 1990), Cy (/saɪ/; born 5 May 1990)",
    "Born on 3 May 1990 in Basel, she sings.",
    "She died at the age of 62, and I'm 34.",
    "In 2009, Wimbledon's Centre Court was roofed.",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_personal_is_left_alone(text: str) -> None:
    assert found(text) == []


MIXED = [sentence.format(value) for _, value, sentence in PERSONAL] + HARMLESS


def test_words_raise_scores() -> None:
    assert FINDER.find(["123456789"])[0] == ()
    assert FINDER.find(["SSN 219099999"])[0][0].score == pytest.approx(0.6)
    plain, raised = (FINDER.find([text])[0][0].score for text in ("it is 212-555-0143", "phone 212-555-0143"))
    assert raised > plain
    assert found("the license of the public 12345678") == []  # "lic" is in "public", and no word of ours


def test_gates_never_change_the_findings() -> None:
    randomness = random.Random(3)
    texts = [*MIXED, *(" ".join(randomness.sample(MIXED, 4)) for _ in range(60))]
    texts += [text.upper() for text in MIXED] + [text.replace(" ", "\n") for text in MIXED]
    for text in texts:
        assert pii.look(text, RULES, 0.5) == pii.look(text, RULES, 0.5, gates=False)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789 .-+()@:/abcAB\n_é‮\0"), max_size=60))
def test_gates_never_change_the_findings_of_any_text(text: str) -> None:
    findings = pii.look(text, RULES, 0.5)
    assert findings == pii.look(text, RULES, 0.5, gates=False)
    assert all(a.end <= b.start for a, b in pairwise(findings))
    assert all(0 <= f.start < f.end <= len(text) and f.score >= 0.5 for f in findings)


def test_findings_are_sorted_and_apart() -> None:
    text = " ".join(MIXED)
    findings = FINDER.find([text])[0]
    assert len(findings) >= len(PERSONAL) - 5
    assert all(a.end <= b.start for a, b in pairwise(findings))


def finding(start: int, end: int, kind: str = "PHONE", score: float = 0.5) -> Finding:
    return Finding(start, end, kind, score, "r")


def test_overlapping_findings_become_one_that_covers_all() -> None:
    merged: Findings = pii.merge([finding(0, 10), finding(2, 5, "EMAIL", 1.0), finding(8, 14, "IBAN"), finding(20, 22)])
    assert merged == (finding(0, 14, "PHONE"), finding(20, 22))
    same = [finding(0, 9, "BANK_ACCOUNT", 0.6), finding(0, 9, "PHONE", 0.75)]
    assert pii.merge(same) == pii.merge(same[::-1]) == (finding(0, 9, "PHONE", 0.75),)


def test_no_link_is_left_inside_a_mail_address() -> None:
    assert found("jane@www.corp.com") == [("EMAIL", "jane@www.corp.com")]


def test_any_window_finds_the_same() -> None:
    filler = "Nothing to see in this sentence. " * 300
    for gap in (8100, 8180, 8192, 7160, 7168, 7180):
        text = filler[: gap - 9] + " jane@corp.example.org and 219-09-9999 " + filler
        assert found(text) == [("EMAIL", "jane@corp.example.org"), ("US_SSN", "219-09-9999")]


@pytest.mark.parametrize(
    "unit",
    ["a", "a.", "1 ", "@", "a@", "1.", "::", "-", "AB12 ", "<EMAIL_1> ", "Street 1 ", "\u202e", "\0", "://", "born 1"],
)
def test_a_long_text_costs_in_proportion(unit: str) -> None:
    # No clock is compared: a pattern that runs away would not end within the suite's limit.
    text = unit * (200_000 // len(unit))
    assert len(FINDER.find([text])) == 1


def test_threshold_and_kinds() -> None:
    assert [f.threshold > 0 for f in (FINDER, pii.load(threshold=0.01))] == [True, True]
    for bad in (0, -1, 1.1):
        with pytest.raises(BadInput):
            pii.load(threshold=bad)
    with pytest.raises(BadInput):
        pii.load(entities=["EMIAL"])
    only = pii.load(entities=["EMAIL"])
    assert found("jane@corp.org 219-09-9999", only) == [("EMAIL", "jane@corp.org")]
    assert pii.load(entities=["PHONE", "EMAIL"]) == pii.load(entities=["EMAIL", "PHONE"])
    assert len({f.fingerprint for f in (FINDER, only, pii.load(threshold=0.6))}) == 3


def test_every_rule_has_a_kind_and_every_kind_a_rule() -> None:
    assert {rule.kind for rule in RULES} == set(pii.KINDS)


def test_nothing_touches_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    from curate import lookalikes

    lookalikes._suffixes.cache_clear()
    assert found("jane@corp.co.uk") == [("EMAIL", "jane@corp.co.uk")]
    assert found("grade@main.pyx") == []


def test_importing_and_loading_are_light() -> None:
    code = "import sys; from curate import pii; pii.load(); print([m for m in ('presidio_analyzer', 'torch', 'spacy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_value_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        FINDER.find(["Pay into GB82 WEST 1234 5698 7654 3\u212a or GBſ2 WEST 1234 5698 7654 32"])
    assert "WEST" not in caplog.text


def test_the_cache_holds_spans_and_no_text(tmp_path) -> None:
    text = "Write to jane@corp.example.org"
    with Cache(tmp_path) as cache:
        finder = pii.load(cache=cache)
        first = finder.find([text, text])
        assert finder.find([text]) == first[:1] == FINDER.find([text])
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"jane" not in held
    assert b"EMAIL" in held


def test_a_damaged_cache_entry_is_a_miss() -> None:
    for packed in (b"", b"[[1]]", b"7", b"[null]", b'[["a","b",1,2,3]]'):
        with pytest.raises(ValueError):  # noqa: PT011
            pii.unpack(packed)
    findings = FINDER.find(["jane@corp.org"])[0]
    assert pii.unpack(pii.pack(findings)) == findings


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    FINDER.find(["a", "b", "a"], lambda *args: told.append(args))
    assert told[0] == ("personal data", 0, 2)
    assert told[-1] == ("personal data", 2, 2)


def test_scan_and_count() -> None:
    rows = [
        {
            "id": "a",
            "turns": [{"role": "user", "content": "jane@corp.org, bob@corp.org"}],
            "extra": '{"ssn": "219099999"}',
        },
        {"id": "b", "turns": [{"role": "user", "content": "jane@corp.org"}, {"role": "assistant", "content": None}]},
    ]
    frame = pii.scan(chats_of(rows), FINDER)
    assert frame.schema == pii.FINDINGS
    assert frame["row_id"].to_list() == ["a", "a", "a", "b"]
    assert frame["part"].to_list() == ["content", "content", "extra", "content"]
    assert pii.count_by_kind(frame).rows() == [("EMAIL", 3, 2), ("US_SSN", 1, 1)]
    assert pii.count_by_kind(pii.scan(chats_of([]), FINDER)).height == 0


def test_mask_shows_nothing_of_a_value() -> None:
    text = "Write to jane@corp.org or 219-09-9999."
    assert pii.mask(text, FINDER.find([text])[0]) == "Write to [EMAIL] or [US_SSN]."
    assert pii.mask("", ()) == ""


def test_limits_are_said() -> None:
    assert "Names of persons" in FINDER.limits
    assert found("My name is Jane Doe and I live in Leeds") == []
