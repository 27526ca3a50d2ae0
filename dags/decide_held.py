"""Airflow DAG `decide_held`: asks a person about every held delivery, in Airflow's own pages.

The answer does the same as `lagebild delivery accept` and `lagebild delivery refuse`. The ledger decides what is
possible.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAlias, Param, task

from lagebild.orchestration.questions import Question, asked, quoted
from lagebild.orchestration.tasks import DEFAULTS, HELD, deadline, raw_asset, settled

ACCEPT, CORRECTION, REFUSE, WAIT = "accept", "accept as a correction", "refuse", "leave it held"
DECIDED = "decided_by_hand"


with DAG(
    dag_id="decide_held",
    dag_display_name="Decide on held deliveries",
    description="Asks a person about each held delivery, once a day while there is one, or when triggered.",
    schedule=[Asset(HELD)],  # without a held delivery there is no run whose questions would show as skipped
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    deadline=deadline(),  # who did not answer for hours is reminded by the alert of a late run
    doc_md="### Decide on held deliveries\n\nAsks under *Required Actions* about each held delivery, once a day or when"
    " triggered. Without an answer the delivery stays held. The same as `lagebild delivery held`, `accept` and"
    " `refuse`.",
    tags=["decide"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def list_held() -> list[dict]:
        """The number of each held delivery, with the question about it."""
        from lagebild.core import settings
        from lagebild.review.decisions import waiting

        with settled():
            return [
                {"delivery_id": entry.delivery.delivery_id, "subject": entry.subject, "body": quoted(str(entry))}
                for entry in waiting(settings.load())
            ]

    @task(execution_timeout=timedelta(minutes=10), outlets=[AssetAlias(DECIDED)])
    def decide(question: tuple[dict, dict], *, outlet_events) -> str:
        """Carry out the answers; the log names who answered, and a decided delivery makes a build due."""
        from lagebild.core import settings
        from lagebild.review.decisions import answered

        held, answer = question
        with settled():
            (option,) = answer["chosen_options"]
            if option == WAIT:
                return f"delivery {held['delivery_id']} stays held"
            delivery = answered(
                settings.load(),
                held["delivery_id"],
                is_accepted=option != REFUSE,
                supersedes=option == CORRECTION,
                by=(answer.get("responded_by_user") or {}).get("name"),
                **answer["params_input"],
            )
            outlet_events[AssetAlias(DECIDED)].add(Asset(raw_asset(delivery.source)))
            return str(delivery)

    held = list_held()
    answers = Question.partial(
        task_id="ask",
        options=[ACCEPT, CORRECTION, REFUSE, WAIT],
        defaults=WAIT,  # no answer accepts nothing
        params={
            "reason": Param("", type="string", description="Why. It is logged and shown to readers: name no person."),
            "until": Param("", type="string", description="Expiry date (YYYY-MM-DD), required if checks failed."),
        },
        response_timeout=timedelta(hours=23),
    ).expand_kwargs(held.map(asked))
    decide.expand(question=held.zip(answers.output))
