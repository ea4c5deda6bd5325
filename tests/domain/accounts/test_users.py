"""Tests valid and invalid email addresses, names and passwords."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.users import NewPassword, Registration, normalize_email
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user

GOOD = Registration(email="ann@example.com", name="Ann", password="correct horse")


@pytest.mark.parametrize(
    "email", ["a@b", "Ann.Lee+x@mail.example.com", "o'neil@example.com", "x" * 64 + "@example.com"]
)
def test_valid_email_is_accepted(email: str) -> None:
    assert email == evolve(GOOD, email=email).email


@pytest.mark.parametrize(
    "email",
    [
        *["", "ann", "@example.com", "ann@", "ann@-example.com", "ann@example..com"],
        *["a b@example.com", "ann@example.com\n", "\u212an@example.com", "ann@\uff45xample.com"],
        *["an\u0131@example.com", "x" * 65 + "@example.com", "ann@" + "x." * 130 + "com"],
    ],
)
def test_invalid_email_is_rejected(email: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        evolve(GOOD, email=email)

    assert ["email"] == [*refusal.value.problems]


def test_email_is_normalized_to_lower_case() -> None:
    assert "a@x.com" == normalize_email("A@X.com")


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "\U0001f600" * 8, "   spaces   "])
def test_valid_password_is_accepted(password: str) -> None:
    assert password == evolve(GOOD, password=password).password
    changed = NewPassword(current_password="x", new_password=password)
    assert password == changed.new_password


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 1025, "nul\0nul\0"])
def test_invalid_password_is_rejected(password: str) -> None:
    with pytest.raises(InvalidInputError):
        evolve(GOOD, password=password)
    with pytest.raises(InvalidInputError):
        NewPassword(current_password="x", new_password=password)


def test_passwords_are_not_in_the_repr() -> None:
    assert "correct horse" not in repr(GOOD)
    assert "$hash$" not in repr(a_user())


def test_new_password_ends_all_sessions() -> None:
    user = a_user()

    changed = user.with_password("$other$")

    assert ("$other$", user.token_version + 1) == (changed.password_hash, changed.token_version)
