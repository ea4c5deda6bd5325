"""The plan for a Python project."""

from pushpaka_core.detection.python.analysis import Analysis
from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.members import members_of, only_application
from pushpaka_core.detection.python.project import FILES, REQUIREMENTS
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Rejected

_PROGRAMS = (
    *(f"{name}.py" for name in FILE_NAMES if name != "__init__"),
    "streamlit_app.py",
    "Home.py",
)
TRIGGERS = (REQUIREMENTS, PYPROJECT, *FILES, "manage.py", *_PROGRAMS)


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out how to install a Python project and what to start in it."""
    is_python = any(map(question.tree.exists, TRIGGERS))
    members = members_of(question)
    here = _here(question, members) if is_python or question.framework else None
    if isinstance(here, BuildPlan):
        return here
    if is_python and here is None and not members:
        return None
    return only_application(question, members, _anything) or here


def analyse_script(question: Question) -> BuildPlan | Rejected | None:
    """Take a script with a usual name, where nothing else of the repository can be deployed."""
    if question.has_web or not any(map(question.tree.exists, TRIGGERS)):
        return None
    analysis = Analysis.of(question, without=members_of(question))
    is_answered = next(analysis.proposals(), None) is not None
    return None if is_answered else next(analysis.of_plain_script(), None)


def _anything(question: Question) -> BuildPlan | Rejected | None:
    return _here(question) or analyse_script(question)


def _here(question: Question, members: tuple[str, ...] = ()) -> BuildPlan | Rejected | None:
    """
    Look at nothing but the application's directory, without the *members* below it.

    None stands for a script of which nothing but its name says that it is a program.
    """
    analysis = Analysis.of(question, without=members)
    if question.has_web:
        return analysis.plan(analysis.framework_by_dependency())
    return next(analysis.proposals(), analysis.nothing_to_start())
