"""Tests the detection of environment variables that Python code reads."""

import pytest
from tests.detection.plans import plan_of, reasons

NO_DEFAULT = " without a default"


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
def test_names_are_detected_for_each_library(source: str, names: tuple[str, ...]) -> None:
    """Reads of literal names are listed, except for the platform's own. Writes are ignored."""
    assert names == plan_of({"main.py": source}).env_names


@pytest.mark.parametrize(
    ("source", "required_names"),
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
def test_required_variables_are_reported(source: str, required_names: str) -> None:
    [reason] = [one for one in reasons(plan_of({"main.py": source})) if NO_DEFAULT in one]

    assert reason.startswith(f"the code reads {required_names}{NO_DEFAULT} (main.py:")
