"""Which project of a .NET solution is published."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

WEB = (
    '<Project Sdk="Microsoft.NET.Sdk.Web">\n'
    "<TargetFramework>net9.0</TargetFramework>\n{more}</Project>"
)
CONSOLE = '<Project Sdk="Microsoft.NET.Sdk"><OutputType>Exe</OutputType></Project>'


def test_web_project_of_a_solution_is_published() -> None:
    """Programs of other kinds come later; the framework that it targets is its version."""
    files = {
        "Shop.sln": "",
        "src/A/A.csproj": CONSOLE,
        "src/Shop/Shop.csproj": WEB.format(more=""),
        "tests/T/T.csproj": WEB.format(more='<PackageReference Include="Microsoft.NET.Test.Sdk"/>'),
    }

    plan = image_plan(files)

    assert ("dotnet", "9.0") == (plan.framework, plan.language_version)
    assert [
        "dotnet restore src/Shop/Shop.csproj",
        "dotnet publish src/Shop/Shop.csproj --configuration Release --output _published",
    ] == commands(plan)
    assert "ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT exec dotnet _published/Shop.dll" == (
        web(plan)
    )
    assert [
        "it is a web application; there are src/A/A.csproj too (src/Shop/Shop.csproj:1)",
        ".NET 9.0 is asked for (src/Shop/Shop.csproj:2)",
    ] == reasons(plan)


def test_names_are_taken_as_they_are() -> None:
    """A project may call its assembly otherwise, and have a space in its own name."""
    named = WEB.format(more="<AssemblyName>store</AssemblyName>\n")

    plan = image_plan({"My Shop.fsproj": named})

    assert "dotnet restore 'My Shop.fsproj'" == commands(plan)[0]
    assert web(plan).endswith("_published/store.dll")


def test_library_is_told_from_a_program() -> None:
    """Nothing can be started."""
    with pytest.raises(DetectionError, match="no project here is a web application"):
        image_plan({"Shop.csproj": '<Project Sdk="Microsoft.NET.Sdk"></Project>'})
