"""An inbox in an S3 bucket, over the real protocol (moto's server): read by ETag, removed only if unchanged."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.inbox import files, inbox, receipts, retention
from ingest.inbox.stores import named, s3
from ingest.loading import intake
from tests.inboxes import drain, problems, tell_unknown
from tests.ingest.support import age, later, person, register
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, query

SOURCE, NAME = "employment", "eu2_employees_2019.csv"
BUCKET, PREFIX = "deliveries", "incoming"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint) -> Iterator:
    import boto3

    own = boto3.resource(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="user", aws_secret_access_key="GEHEIM"
    )
    made = own.create_bucket(Bucket=BUCKET)
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def remote(warehouse, bucket, endpoint, tmp_path):
    secrets = tmp_path / "secrets"
    shutil.copytree(warehouse.secrets, secrets)  # the roles' passwords
    (secrets / "inbox_deliveries_user").write_text("user")
    (secrets / "inbox_deliveries_password").write_text("GEHEIM")
    return replace(warehouse, secrets=secrets, inboxes=(f"s3://{BUCKET}/{PREFIX}?endpoint={endpoint}",))


def put(bucket, path: str = f"{SOURCE}/{NAME}", content: bytes | None = None) -> None:
    bucket.put_object(Key=f"{PREFIX}/{path}", Body=bundled_bytes(SOURCE) if content is None else content)


def names(bucket) -> list[str]:
    """Everything in the bucket but receipts."""
    found = (entry.key.removeprefix(f"{PREFIX}/") for entry in bucket.objects.all())
    return sorted(name for name in found if not name.startswith("receipts/"))


def told(bucket, name: str) -> str:
    return bucket.Object(f"{PREFIX}/receipts/{name}").get()["Body"].read().decode()


def test_an_object_is_taken_loaded_and_answered(remote, bucket):
    put(bucket, NAME)
    put(bucket, f"{NAME}.ok", b"")
    put(bucket, "Unbekanntes.xlsx", b"?")
    bucket.put_object(Key=f"{PREFIX}/{SOURCE}/", Body=b"")  # as consoles write a folder
    (arrival,) = inbox.complete(remote)
    assert arrival.key == f"{remote.inboxes[0]}/{NAME}"
    delivery = inbox.take(remote, arrival.key)
    assert delivery.state == "loaded"
    assert names(bucket) == ["Unbekanntes.xlsx", f"{SOURCE}/", f"taken/1/{NAME}"]
    assert bucket.Object(f"{PREFIX}/taken/1/{NAME}").get()["Body"].read() == bundled_bytes(SOURCE)
    assert json.loads(told(bucket, f"{NAME}.1.json"))["delivery"]["sha256"] == delivery.sha256
    delivery_ledger.decide(remote, delivery.delivery_id, ["odd"])
    assert receipts.renew(remote) == [arrival.key]
    assert "ANGEHALTEN" in told(bucket, f"{NAME}.1.txt")
    assert len(tell_unknown(remote)) == 1 and tell_unknown(remote) == []


def test_an_object_is_complete_at_the_second_look_at_the_same_etag(remote, bucket):
    patient = replace(remote, inbox_settle_seconds=30)
    put(bucket)
    assert inbox.complete(patient) == []
    query(remote, "update raw.inbox_file set seen_at = seen_at - interval '31 s' returning 1")
    put(bucket, content=bundled_bytes(SOURCE) + b"\r\n")
    assert inbox.complete(patient) == []
    query(remote, "update raw.inbox_file set seen_at = seen_at - interval '31 s' returning 1")
    assert len(drain(patient)) == 1


def test_a_wrong_sum_is_refused_at_once_because_an_object_appears_whole(remote, bucket):
    patient = replace(remote, inbox_settle_seconds=30)
    put(bucket)
    put(bucket, f"{SOURCE}/{NAME}.sha256", b"1" * 64)
    (delivery,) = drain(patient)
    assert delivery.state == "refused" and "its sender says 111" in told(bucket, f"{NAME}.1.txt")
    assert names(bucket) == [f"taken/1/{NAME}"]


def test_persons_are_not_kept_in_the_bucket(remote, bucket):
    pseudonyms.ensure_key(remote.keys, MUNICIPALITY, PURPOSE)
    put(bucket, f"register/{contracts.load('register').example}", register(person("S1")))
    assert [d.state for d in drain(remote)] == ["loaded"]
    assert names(bucket) == []


def test_an_object_that_is_overwritten_while_it_is_read_is_no_mixture(remote, bucket, monkeypatch):
    content = bundled_bytes(SOURCE)
    put(bucket, content=content)
    entry, first = s3.S3.entry, []

    def overwritten(store, path):
        found = entry(store, path)
        if not first:
            first.append(path)
            put(bucket, content=content + b"\r\n")  # between the look and the read
        return found

    monkeypatch.setattr(s3.S3, "entry", overwritten)
    assert drain(remote) == [] and delivery_ledger.deliveries(remote) == []
    monkeypatch.undo()
    (delivery,) = drain(remote)
    assert (remote.landing / delivery.landing_path).read_bytes() == content + b"\r\n"


def test_an_object_that_is_overwritten_after_it_was_read_is_a_delivery_of_its_own(remote, bucket, monkeypatch):
    content, original = bundled_bytes(SOURCE), intake.load_file
    put(bucket, content=content)

    def overwritten(*arguments):
        put(bucket, content=content + b"\r\n")
        return original(*arguments)

    monkeypatch.setattr(intake, "load_file", overwritten)
    (first,) = drain(remote)
    monkeypatch.undo()
    assert names(bucket) == [f"{SOURCE}/{NAME}", f"taken/1/{NAME}"]
    assert bucket.Object(f"{PREFIX}/taken/1/{NAME}").get()["Body"].read() == content
    (second,) = drain(remote)
    assert second.byte_size == first.byte_size + 2 and names(bucket) == [f"taken/1/{NAME}", f"taken/2/{NAME}"]


def test_an_object_that_is_overwritten_at_the_moment_of_its_removal_stays(remote, bucket, monkeypatch):
    put(bucket)
    with named.opened(remote, remote.inboxes[0]) as store:
        before = store.entry(f"{SOURCE}/{NAME}")
        put(bucket, content=b"new")
        assert not store.remove(before)
        entry, first = s3.S3.entry, []

        def as_before(own, path):
            first.append(path)
            return before if len(first) == 1 else entry(own, path)

        monkeypatch.setattr(s3.S3, "entry", as_before)
        assert not store.remove(before)  # the look came too early: the server compares the ETag
    assert names(bucket) == [f"{SOURCE}/{NAME}"]


def test_a_store_that_knows_no_condition_at_removal_is_asked_without(remote, bucket, monkeypatch):
    put(bucket)
    with named.opened(remote, remote.inboxes[0]) as store:
        call, asked = store._fs.call_s3, []

        def knows_none(method, **given):
            asked.append(given)
            if "IfMatch" in given:
                raise OSError("An error occurred (NotImplemented) when calling the DeleteObject operation")
            return call(method, **given)

        monkeypatch.setattr(store._fs, "call_s3", knows_none)
        assert store.remove(store.entry(f"{SOURCE}/{NAME}")) and len(asked) == 2
    assert names(bucket) == []


@pytest.mark.parametrize("step", ["claim", "set_delivery", "finish"])
def test_cut_off_after_any_step_the_next_look_converges(remote, bucket, monkeypatch, step):
    put(bucket)
    original = getattr(files, step)

    def cut_off(*arguments):
        original(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(inbox.files, step, cut_off)
    with pytest.raises(KeyboardInterrupt):
        drain(remote)
    monkeypatch.undo()
    drain(remote)
    receipts.renew(remote)
    (delivery,) = delivery_ledger.deliveries(remote)
    assert delivery.state == "loaded" and names(bucket) == [f"taken/1/{NAME}"]
    assert json.loads(told(bucket, f"{NAME}.1.json"))["delivery"]["delivery_id"] == delivery.delivery_id


def test_two_workers_take_an_object_once(remote, bucket, monkeypatch):
    put(bucket)
    (arrival,) = inbox.complete(remote)
    original, seen = intake.load_file, []

    def beside(*arguments):
        seen.append(inbox.take(remote, arrival.key))
        return original(*arguments)

    monkeypatch.setattr(intake, "load_file", beside)
    assert inbox.take(remote, arrival.key).state == "loaded" and seen == [None]


def test_keys_that_look_like_paths_lead_nowhere(remote, bucket):
    for key in (f"{PREFIX}/{SOURCE}/../x.csv", f"{PREFIX}//{NAME}", f"{PREFIX}/../{NAME}"):
        bucket.put_object(Key=key, Body=b"x")
    assert inbox.complete(remote) == []
    tell_unknown(remote)
    assert not list(remote.landing.rglob("*.csv"))


def test_old_copies_and_receipts_go_and_what_waits_stays(remote, bucket, monkeypatch):
    for name in (NAME, NAME.replace("2019", "2018")):
        put(bucket, f"{SOURCE}/{name}")
        put(bucket, f"{SOURCE}/{name}.ok", b"")
    first, _ = drain(remote)
    delivery_ledger.decide(remote, first.delivery_id, [])
    for number in (1, 2):
        age(remote, number, "20 years")
    later(monkeypatch, 800)
    assert len(retention.due(remote)) == 3 and len(list(bucket.objects.all())) == 6
    assert len(retention.apply(remote)) == 3 and retention.apply(remote) == []
    left = [entry.key.removeprefix(f"{PREFIX}/") for entry in bucket.objects.all()]
    assert left == [f"receipts/{NAME}.2.json", f"receipts/{NAME}.2.txt", f"taken/2/{NAME}"]


def test_a_bucket_that_is_not_there_is_an_error_without_the_secret(remote, bucket, endpoint):
    wrong = replace(remote, inboxes=(f"s3://{BUCKET}-2/x?endpoint={endpoint}",))
    assert "cannot be used" in problems(wrong) and "GEHEIM" not in problems(wrong)
