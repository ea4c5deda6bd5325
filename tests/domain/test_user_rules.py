"""What may be an e-mail address, a name and a password."""

import pytest
from attrs import evolve

from pushpaka_core.domain.users import NewPassword, Registration, normal_email
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects import a_user

GOOD = Registration(email="ann@example.com", name="Ann", password="correct horse")


@pytest.mark.parametrize(
    "email",
    ["a@b", "Ann.Lee+x@mail.example.com", "o'neil@example.com", "x" * 64 + "@example.com"],
)
def test_good_addresses(email: str) -> None:
    """What HTML takes for an address is one."""
    assert email == evolve(GOOD, email=email).email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@-example.com",
        "ann@example..com",
        "a b@example.com",
        "ann@example.com\n",
        "\u212an@example.com",
        "ann@\uff45xample.com",
        "an\u0131@example.com",
        "x" * 65 + "@example.com",
        "ann@" + "x." * 130 + "com",
    ],
)
def test_bad_addresses(email: str) -> None:
    """Everything else is refused, above all what looks like another's address."""
    with pytest.raises(InvalidInputError) as refusal:
        evolve(GOOD, email=email)

    assert ["email"] == [*refusal.value.problems]


def test_addresses_are_compared_in_lower_case() -> None:
    """Two spellings of one address have one form."""
    assert "a@x.com" == normal_email("A@X.com")


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "\U0001f600" * 8, "   spaces   "])
def test_good_passwords(password: str) -> None:
    """A password is any text of 8 to 1,024 characters, taken as it is."""
    assert password == evolve(GOOD, password=password).password
    changed = NewPassword(current_password="x", new_password=password)
    assert password == changed.new_password


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 1025, "nul\0nul\0"])
def test_bad_passwords(password: str) -> None:
    """Too short, too long and NUL are refused, at registration and at a change."""
    with pytest.raises(InvalidInputError):
        evolve(GOOD, password=password)
    with pytest.raises(InvalidInputError):
        NewPassword(current_password="x", new_password=password)


def test_passwords_are_not_shown() -> None:
    """Neither a password nor its hash is in a representation."""
    assert "correct horse" not in repr(GOOD)
    assert "$hash$" not in repr(a_user())


def test_another_password_ends_the_tokens() -> None:
    """A user's tokens carry a version, which a new password counts up."""
    user = a_user()

    changed = user.with_password("$other$")

    assert ("$other$", user.token_version + 1) == (changed.password_hash, changed.token_version)
