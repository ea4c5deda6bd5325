"""The page of the metrics, from what an instance tells."""

from docs.generator.markdown import code, prose, table
from prometheus_client.parser import text_string_to_metric_families

from pushpaka_http.metrics import Metrics


def metrics(_words: str = "") -> str:
    """Return a row for each metric of an instance."""
    exposition = Metrics().page({}, [], {}).decode()
    families = sorted(text_string_to_metric_families(exposition), key=lambda family: family.name)
    rows = [
        [
            code(family.name + ("_total" if family.type == "counter" else "")),
            family.type,
            prose(family.documentation),
        ]
        for family in families
    ]
    return table(["Name", "Type", "Meaning"], rows)
