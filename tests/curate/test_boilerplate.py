"""What many eval items share convicts nobody, and hides nobody."""

import pytest

from curate import pairs
from curate.likeness.boilerplate import Shared, beyond

FRAME = "Read the ticket below and answer with one of the five labels that you know. Ticket: {}"
TICKETS = (
    "the brass arm rattles at night", "a parcel went to the neighbour", "the invoice lists two lamps",
    "my speaker hums beside the radio", "the grey cable smells burnt",
)  # fmt: skip
ITEMS = [FRAME.format(ticket) for ticket in TICKETS]


def test_what_five_items_share_is_not_their_own() -> None:
    shared = Shared.of(ITEMS)
    own, share = shared.own(ITEMS[0])
    assert own == "the brass arm rattles at night"
    assert 0.2 < share < 0.4
    assert shared.own("Where is my parcel, please, and who took it?")[1] == 1


def test_the_order_and_repeats_of_items_do_not_matter() -> None:
    assert Shared.of(ITEMS) == Shared.of(ITEMS[::-1]) == Shared.of(ITEMS * 2)
    assert not Shared.of(ITEMS[:4] * 9).grams


@pytest.mark.parametrize(
    ("ticket", "name"),
    [
        ("the brass arm rattles at night", "copy"),
        ("THE brass arm ratles at night", "near copy"),
        ("why was I charged for shipping in winter", "unrelated"),
    ],
)
def test_both_verdicts_must_say_so(toy_encoder, ticket: str, name: str) -> None:  # type: ignore[no-untyped-def]
    plain = pairs.judge_with(toy_encoder)
    judge = beyond(plain, ITEMS)
    pair = (FRAME.format(ticket), ITEMS[0])
    assert judge([pair])[0].name == name
    assert judge([pair])[0].cosine == plain([pair])[0].cosine


def test_without_boilerplate_nothing_changes(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    plain = pairs.judge_with(toy_encoder)
    some = [(a, b) for a in TICKETS for b in TICKETS]
    assert beyond(plain, TICKETS)(some) == plain(some)
