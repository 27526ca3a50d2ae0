"""Airflow DAG `publish`: asks a person whether to publish a checked build.

The answer does what `lagebild publication publish BUILD` does, and nothing else: the ledger decides what is possible.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAlias, task

from lagebild.orchestration.questions import Question, asked, quoted
from lagebild.orchestration.tasks import DEFAULTS, MARTS, WAITING, deadline, settled

PUBLISH, WAIT = "publish", "leave it waiting"
PUBLISHED = "published_by_hand"


with DAG(
    dag_id="publish",
    dag_display_name="Publish what waits",
    description="Asks a person whether to publish a checked build, after it was made or when triggered.",
    schedule=[Asset(WAITING)],
    catchup=False,
    max_active_runs=8,  # a question about a build that is overtaken stays open, and must not keep the next one back
    default_args=DEFAULTS,
    deadline=deadline(),
    doc_md="### Publish a checked build\n\nWith LAGEBILD_PUBLISH=ask (the default with own files) asks under *Required"
    " Actions* whether to publish the build that passed its checks. Without an answer it keeps waiting. The same as"
    " `lagebild publication publish`. `release_extract` releases the publication.",
    tags=["build", "decide"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def list_waiting() -> list[dict]:
        """The build that waits, if any, with the question about it."""
        from lagebild.core import settings
        from lagebild.warehouse import build

        with settled():
            build_id = build.waiting(own := settings.load())
            if build_id is None:
                print("no build waits to be published")
                return []
            body = "\n".join(build.about(own, build_id))
            return [{"build_id": build_id, "subject": f"Publish build {build_id}?", "body": quoted(body)}]

    @task(execution_timeout=timedelta(minutes=30), outlets=[AssetAlias(PUBLISHED)])
    def publish(question: tuple[dict, dict], *, outlet_events) -> str:
        """Carry out the answer in the name of the person; a publication makes an extract due."""
        from lagebild.core import settings
        from lagebild.warehouse import build

        waiting, answer = question
        with settled():
            if answer["chosen_options"] != [PUBLISH]:
                return f"build {waiting['build_id']} stays waiting"
            by = (answer.get("responded_by_user") or {}).get("name")
            publication_id = build.approve(settings.load(), waiting["build_id"], by)
            outlet_events[AssetAlias(PUBLISHED)].add(Asset(MARTS))
            return f"publication {publication_id} is in force"

    found = list_waiting()
    answers = Question.partial(
        task_id="ask",
        options=[PUBLISH, WAIT],
        defaults=WAIT,  # no answer publishes nothing
        response_timeout=timedelta(hours=23),
    ).expand_kwargs(found.map(asked))
    publish.expand(question=found.zip(answers.output))
