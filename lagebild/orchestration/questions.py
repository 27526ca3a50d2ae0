"""What the DAGs that ask a person have in common."""

from airflow.providers.standard.operators.hitl import HITLOperator


class Question(HITLOperator):
    """What was delivered, or found in it, stands in the question: no template, with Airflow's secrets at hand."""

    template_fields = ()


def asked(entry: dict) -> dict:
    """What `Question` takes of an entry: subject and body."""
    return {"subject": entry["subject"], "body": entry["body"]}


def quoted(text: str) -> str:
    """A block that shows the text as it stands, whatever Markdown is in it."""
    return "```\n" + text.replace("```", "` ` `") + "\n```"
