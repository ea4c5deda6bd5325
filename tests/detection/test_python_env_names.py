"""The env vars that Python code reads."""

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence

NOTE = "without a default it reads "


def plan_of(source: str) -> BuildPlan:
    return detect(MemoryTree({"main.py": source}), Wishes())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (
            "import os\nA = os.environ['A_KEY'], os.environ.get('B_KEY'), 'C_KEY' in os.environ",
            ("A_KEY", "B_KEY", "C_KEY"),
        ),
        (
            "from os import environ as e, getenv\nA = e['A_KEY'], getenv('B_KEY')",
            ("A_KEY", "B_KEY"),
        ),
        ("import os\nos.environ['A_KEY'] = 'x'\ndel os.environ['B_KEY']", ()),
        ("import os\nos.environ.setdefault('A_KEY', 'x')", ()),
        ("import os\nA = os.environ['PORT'], os.getenv('APP_URL'), os.getenv('no way')", ()),
        ("A = {}['A_KEY'], environ['B_KEY'], config('C_KEY')", ()),
        ("from decouple import config\nA = config('A_KEY', cast=int)", ("A_KEY",)),
        (
            "from environs import Env\nenv = Env()\nenv.read_env('x')\nA = env.str('A'), env('B')",
            ("A", "B"),
        ),
        ("import environ\nenv = environ.Env()\nA = env.bool('A_KEY', False)", ("A_KEY",)),
        ("from starlette.config import Config\nc = Config('.env')\nA = c('A_KEY')", ("A_KEY",)),
        (
            "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    a_key: str\n",
            ("A_KEY",),
        ),
        (
            (
                "import pydantic_settings as p\nclass Base(p.BaseSettings): ...\nclass S(Base):\n"
                "    model_config = p.SettingsConfigDict(env_prefix='SHOP_')\n    key: str = 'x'\n"
            ),
            ("SHOP_KEY",),
        ),
        (
            (
                "from pydantic import BaseSettings, Field\nclass S(BaseSettings):\n"
                "    key: str = Field(..., env='THE_KEY')\n    class Config:\n"
                "        env_prefix = 'my_'\n"
            ),
            ("THE_KEY",),
        ),
    ],
)
def test_names_are_seen_as_the_library_reads_them(source: str, names: tuple[str, ...]) -> None:
    """Literal reads are named, but for what the platform gives; writes and guesses are not."""
    assert names == plan_of(source).env_names


@pytest.mark.parametrize(
    ("source", "required"),
    [
        ("import os\nA = os.environ['A']\nB = os.getenv('B'), os.environ.get('C')", "A"),
        ("from decouple import config\nA = config('A'), config('B', default=1)", "A"),
        ("from environs import Env\ne = Env()\nA = e.str('A'), e.str('B', 'x')", "A"),
        (
            (
                "from pydantic_settings import BaseSettings\nfrom pydantic import Field\n"
                "class S(BaseSettings):\n    a: str\n    b: int = 1\n"
                "    c: str = Field(default='x')\n"
                "    d: str = Field(...)\n    e: list = Field(default_factory=list)\n"
            ),
            "A, D",
        ),
    ],
)
def test_what_has_no_default_is_told(source: str, required: str) -> None:
    """A program may end where it does not find them."""
    [said] = [one for one in plan_of(source).evidence if one.reason.startswith(NOTE)]

    assert f"{NOTE}{required}" == said.reason


def test_place_of_a_read_without_default_is_named() -> None:
    """The first one can be looked up."""
    plan = plan_of("import os\n\nA = os.environ['A']\n")

    assert Evidence(reason=f"{NOTE}A", path="main.py", line=3) in plan.evidence
