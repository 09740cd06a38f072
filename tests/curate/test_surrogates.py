"""Stand-ins: the same in gives the same out, different values stay different, and nothing of the original is left."""

import ipaddress
import os
import re
import stat
from pathlib import Path

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import lookalikes, phones
from curate.errors import BadInput
from curate.recognisers import RULES, find
from curate.shipped import sample_data
from curate.standins import checksums, forms, streets
from curate.standins.draws import Draw
from curate.standins.names import STAYS, fold, index
from curate.surrogates import Key, Surrogates, open_key, public_key

KEY = Key(b"a key for tests, of 32 bytes....")
VALUES = {
    "PERSON": ["Jane Doe", "Иван Петров", "O'Brien", "Zyxq Blorb", "J. Smith", "DOE, JANE", "Jean-Pierre Dupont"],
    "LOCATION": ["Berlin", "France", "Москва", "Ann Arbor"],
    "ORGANIZATION": ["Acme Inc.", "IBM", "University of Oxford"],
    "EMAIL": ["jane.doe@corp.example", "x@y.org"],
    "PHONE": ["+1 (415) 555-2671", "020 7946 1234", "+33 1 42 68 53 00", "+91 98765 43210", "+49 30 901820"],
    "CREDIT_CARD": ["4111 1111 1111 1111", "371449635398431", "5500-0000-0000-0004"],
    "IBAN": ["GB33 BUKB 2020 1555 5555 55", "DE89370400440532013000"],
    "US_SSN": ["123-45-6789"],
    "US_ITIN": ["912-70-1234"],
    "NHS": ["943 476 5919"],
    "MEDICAL_LICENSE": ["BB1388568"],
    "IP": ["8.8.8.8", "10.1.2.3", "2001:4860:4860::8888", "8.8.4.0/24"],
    "MAC": ["AC:DE:48:00:11:22", "ac-de-48-00-11-22"],
    "CRYPTO": ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "0x" + "ab12" * 10],
    "DATE_OF_BIRTH": ["12/05/1987", "May 3, 1990", "3. Oktober 1972", "1990-12-31"],
    "PASSPORT": ["C01X00T47"],
    "DRIVER_LICENSE": ["D1234567"],
    "BANK_ACCOUNT": ["12345678"],
    "EMPLOYEE_ID": ["E-10442"],
    "NATIONAL_ID": ["AB 12 34 56 C", "86095742719", "12345678Z", "529.982.247-25", "811228-9874"],
    "AGE": ["7", "17", "18", "34", "104"],
    "MEDICAL_RECORD": ["MRN-00456789"],
    "VEHICLE_ID": ["1HGBH41JXMN109186"],
    "DEVICE_ID": ["490154203237518"],
    "API_KEY": ["sk_live_abcdEFGH1234567890", "AKIAIOSFODNN7EXAMPLE"],
    "PASSWORD": ["hunter2!x"],
    "USERNAME": ["@jdoe_92", "cool.cat"],
    "STREET_ADDRESS": ["12 Oak Ave, Springfield, IL 62704", "Hauptstraße 12", "P.O. Box 1234"],
    "URL": ["https://www.facebook.com/jane.doe", "https://corp.org/users/jane?email=jane%40x.org&token=abc123"],
}
PAIRS = [(kind, value) for kind, values in VALUES.items() for value in values]


def stand_in(kind: str, value: str, key: Key = KEY, scope: str = "row") -> str:
    return Surrogates(key, scope, [value]).of(kind, value)


@pytest.mark.parametrize(("kind", "value"), PAIRS)
def test_the_same_value_has_the_same_stand_in_and_another_key_another(kind: str, value: str) -> None:
    assert stand_in(kind, value) == stand_in(kind, value) != value
    others = {stand_in(kind, value, Key(bytes([n]) * 32)) for n in range(12)}
    assert len(others) > 1
    assert len({stand_in(kind, value, scope=f"row {n}") for n in range(12)}) > 1


@pytest.mark.parametrize(("kind", "value"), [p for p in PAIRS if p[0] not in ("PERSON", "LOCATION", "ORGANIZATION", "URL", "EMAIL",
                                                                             "STREET_ADDRESS", "USERNAME", "DATE_OF_BIRTH", "IP", "CRYPTO")])  # fmt: skip
def test_form_and_separators_stay(kind: str, value: str) -> None:
    def form(said: str) -> str:
        return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", said)))

    fresh = stand_in(kind, value)
    if kind in ("MAC", "API_KEY", "IBAN"):
        assert [c for c in fresh if not c.isalnum()] == [c for c in value if not c.isalnum()]
        assert len(fresh) == len(value)
    else:
        assert form(fresh) == form(value)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**12))
def test_check_sums_are_right(seed: int) -> None:
    draw = Draw(b"k", seed)
    number = phones.digits(forms.card("4111 1111 1111 1111", draw))
    assert lookalikes.card(number, (0, len(number), 0.3)) == (0, 16, 1.0)
    account = forms.iban("DE89 3704 0044 0532 0130 00", draw).replace(" ", "")
    assert int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1
    from presidio_analyzer.predefined_recognizers import (
        CryptoRecognizer,
        MedicalLicenseRecognizer,
        NhsRecognizer,
    )

    for coin in VALUES["CRYPTO"][:2]:
        assert CryptoRecognizer().validate_result(forms.crypto(coin, draw)) is True
    assert NhsRecognizer().validate_result(forms.nhs("943 476 5919", draw)) is True
    assert MedicalLicenseRecognizer().validate_result(forms.dea("BB1388568", draw)) is True
    assert re.fullmatch(r"9\d\d-(?:0[1-9]|[1-4]\d)-\d{4}", forms.ssn("123-45-6789", draw))


@pytest.mark.parametrize(
    ("value", "recogniser"),
    [
        ("86095742719", "DeTaxIdRecognizer"),
        ("12345678Z", "EsNifRecognizer"),
        ("529.982.247-25", "BrazilianCpf"),
        ("1 84 12 76 451 089 46", "FrenchNir"),
    ],
)
def test_a_national_number_stays_valid_in_its_country(value: str, recogniser: str) -> None:
    (rule,) = [rule for rule in RULES if rule.name == recogniser]
    fresh = stand_in("NATIONAL_ID", value)
    assert any(rule.check(fresh, span) for span in find(rule, fresh) if span[:2] == (0, len(fresh)))


def test_check_digits_are_the_published_ones() -> None:
    assert checksums.luhn("7992739871") == "3"
    assert checksums.iban("GB", "WEST12345698765432") == "82"
    assert checksums.nhs("943476591") == "9"
    assert checksums.base58check(bytes.fromhex("0062e907b15cbf27d5425399ebf6f0fb50ebb88f18")) == VALUES["CRYPTO"][0]
    words = [checksums.BECH32.index(c) for c in "qw508d6qejxtdg4y5r3zarvary0c5xw7k"]  # BIP 173
    assert checksums.bech32("bc", words, 1) == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@settings(max_examples=60, deadline=None)
@given(st.ip_addresses())
def test_no_stand_in_is_an_address_of_the_public_network(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert not ipaddress.ip_address(stand_in("IP", str(address))).is_global


@pytest.mark.parametrize(("value", "reserved"), [("+1 (415) 555-2671", r"\+1 \(\d{3}\) 555-01\d\d"), ("+44 7911 123456", r"\+44 7700 900\d{3}"),
                                                 ("020 7946 1234", r"020 7946 0\d{3}"), ("+33 6 12 34 56 78", r"\+33 6 39 98 0?\d[ \d]*")])  # fmt: skip
def test_telephone_numbers_are_those_kept_for_fiction(value: str, reserved: str) -> None:
    assert re.fullmatch(reserved, stand_in("PHONE", value))


@pytest.mark.parametrize(
    ("kind", "many"),
    [
        ("EMAIL", [f"user{n}@corp{n % 7}.org" for n in range(3000)]),
        ("PHONE", [f"(415) 555-{n:04d}" for n in range(1000, 4000)]),
        ("PERSON", sorted(name.title() for name in list(index())[:3000])),
        ("IP", [f"8.8.{n // 250}.{1 + n % 250}" for n in range(500)]),
        ("STREET_ADDRESS", [f"{n} Oak Street" for n in range(1, 800)]),
        ("AGE", [f"{n}" for n in range(1, 120)]),
    ],
)
def test_different_values_stay_different(kind: str, many: list[str]) -> None:
    row = Surrogates(KEY, "", [])
    assert len({fold(row.of(kind, value)) for value in many}) == len({fold(value) for value in many})


GENERIC = {fold(word) for word in (streets.STREET_TYPES + streets.MORE_TYPES).split()}


def words_and_numbers(value: str) -> set[str]:
    return {fold(word) for word in re.findall(r"[^\W\d_]{4,}|\d+", value)}


@pytest.mark.parametrize(
    "locale",
    ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "pl_PL", "pt_BR", "en_IN", "cs_CZ"],
)
def test_of_an_address_block_no_word_and_no_number_is_left(locale: str) -> None:
    fake = Faker(locale)
    fake.seed_instance(3)
    for number in range(20):
        unit = ["", "Apt. 805\n", "Suite 680\n", "Flat 2\n"][number % 4]
        value = f"{unit}{fake.address()}\n{['France', 'United Kingdom'][number % 2]}"
        value = value.lower() if number % 5 == 4 else value
        fresh = stand_in("STREET_ADDRESS", value)
        left = words_and_numbers(value) & words_and_numbers(fresh) - GENERIC
        assert left <= {"france", "united", "kingdom"}, (value, fresh)
        # Lines stay lines, and marks and spaces stay where they are.
        assert re.findall(r"[\s,()]+", fresh) == re.findall(r"[\s,()]+", value)
        assert fresh.splitlines()[-1] == value.splitlines()[-1]


def test_a_lower_case_address_and_a_postal_code_with_letters_are_others_too() -> None:
    fresh = stand_in("STREET_ADDRESS", "12 oak street, leeds, LS1 4AB")
    assert re.fullmatch(r"\d\d [a-z-]+ street, [a-z-]+, [A-Z]{2}\d \d[A-Z]{2}", fresh)
    assert not {"oak", "leeds", "LS1", "4AB", "12"} & set(re.findall(r"\w+", fresh))
    assert "Bhagalpur" not in (said := stand_in("STREET_ADDRESS", "4 Gandhi Road, Bhagalpur-706690"))
    assert re.search(r"[a-z]-\d{6}$", said)
    assert "Lebanon" not in stand_in("STREET_ADDRESS", "4 Elm Street, Lebanon, PA 17042")  # a town here


def test_one_address_in_a_line_and_in_lines_is_one() -> None:
    row = Surrogates(KEY, "row", ["12 Oak Street\nLeeds"])
    assert (
        row.of("STREET_ADDRESS", "12 Oak Street\nLeeds").split()
        == row.of("STREET_ADDRESS", "12 Oak Street Leeds").split()
    )
    assert "\n" in row.of("STREET_ADDRESS", "12 Oak Street\nLeeds")
    assert "\n" not in row.of("STREET_ADDRESS", "12 Oak Street Leeds")


def test_an_age_stays_in_its_years_and_words_agree_with_figures() -> None:
    row = Surrogates(KEY, "row", ["34", "36", "17"])
    ages = [row.of("AGE", said) for said in ("34", "36", "17")]
    assert not {"34", "36", "17"} & set(ages)
    assert [int(age) // 10 for age in ages] == [3, 3, 1]
    assert int(ages[2]) < 18
    told = {"thirty": 0, "thirty-one": 1, "thirty-two": 2, "thirty-three": 3, "thirty-four": 4, "thirty-five": 5,
            "thirty-six": 6, "thirty-seven": 7, "thirty-eight": 8, "thirty-nine": 9}  # fmt: skip
    assert 30 + told[row.of("AGE", "thirty-four")] == int(ages[0])
    assert row.of("AGE", "Thirty-four")[0] == "T"


def test_one_person_in_several_forms_stays_one() -> None:
    row = Surrogates(KEY, "row", ["Jane Doe", "jane.doe@corp.example"])
    given_name, family = row.of("PERSON", "Jane Doe").split()
    assert row.of("PERSON", "jane") == given_name.lower()
    assert row.of("PERSON", "Mrs. DOE") == f"Mrs. {family.upper()}"
    assert row.of("PERSON", "Jane's") == f"{given_name}'s"
    assert row.of("EMAIL", "jane.doe@corp.example").split("@")[0] == f"{given_name}.{family}".lower()
    assert row.of("EMAIL", "Jane.Doe@CORP.example") == row.of("EMAIL", "jane.doe@corp.example")


def test_one_number_written_in_several_ways_stays_one() -> None:
    row = Surrogates(KEY, "row", ["+1 415 555 2671", "4111 1111 1111 1111"])
    written = [
        phones.digits(row.of("PHONE", said))[-10:] for said in ("+1 415 555 2671", "(415) 555-2671", "4155552671")
    ]
    assert len(set(written)) == 1
    cards = [row.of("CREDIT_CARD", said) for said in ("4111 1111 1111 1111", "4111111111111111")]
    assert cards[0].replace(" ", "") == cards[1]


@pytest.mark.parametrize(("name", "gender"), [("Jennifer", "female"), ("Michael", "male"), ("Ольга", "female")])
def test_gender_stays_where_the_lists_know_it(name: str, gender: str) -> None:
    assert gender in index()[fold(stand_in("PERSON", name))]


def test_nothing_of_ten_thousand_rows_survives() -> None:
    # "Lord" and "Sister" are names too, and stay as titles.
    titles = set(STAYS.split())
    names = [
        name.title() for name in index() if name.isascii() and name.isalpha() and len(name) > 3 and name not in titles
    ]
    for n in range(10_000):
        draw = Draw(b"rows", n)
        first, last = draw.pick(names), draw.pick(names)
        values = [
            ("PERSON", f"{first} {last}"),
            ("PERSON", first),
            ("EMAIL", f"{first}.{last}{draw.digits(2)}@{last}.org".lower()),
            ("PHONE", f"+1 {2 + draw.below(7)}{draw.digits(2)} {2 + draw.below(7)}{draw.digits(2)} {draw.digits(4)}"),
            ("US_SSN", f"{draw.digits(3)}-{draw.digits(2)}-{draw.digits(4)}"),
        ]
        row = Surrogates(KEY, str(n), [value for _, value in values])
        text = " / ".join(row.of(kind, value) for kind, value in values)
        assert not set(map(fold, (first, last))) & set(re.findall(r"[^\W\d_]+", fold(text))), (values, text)
        assert not {phones.digits(values[3][1])[1:], values[4][1]} & set(
            re.findall(r"[\d-]{9,}", re.sub(r"[+ ]", "", text))
        )


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "surrogates.key"
    key = open_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name != "posix"
    assert open_key(path) == key
    assert key.secret.hex() not in repr(key) + key.fingerprint


@pytest.mark.skipif(os.name != "posix", reason="no modes here")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "surrogates.key"
    open_key(path)
    path.chmod(0o644)
    with pytest.raises(BadInput, match="can be read by others"):
        open_key(path)


def test_the_public_key_says_that_it_is_public_and_is_for_the_demo() -> None:
    path = sample_data() / "public-demo-key.txt"
    assert "PUBLIC" in path.read_text().splitlines()[0]
    assert public_key(path).fingerprint == "1a4608355d180693"


@pytest.mark.parametrize("said", ["", "zz", "00" * 31, "00" * 33])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, said: str) -> None:
    path = tmp_path / "surrogates.key"
    path.write_text(said)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="key of surrogates"):
        open_key(path)
