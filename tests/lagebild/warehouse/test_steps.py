"""Steps of a build are summed up by layer, by the clock."""

from types import SimpleNamespace

from lagebild.warehouse import steps, transform
from lagebild.warehouse.steps import Layers, Step


def step(layer: str, name: str, kind: str = "model", status: str = "success", seconds: float = 1.0) -> Step:
    return Step(layer, name, kind, status, seconds, 1, 9)


def test_layers_are_told_in_their_order_with_what_is_not_good(monkeypatch):
    clock = iter([10.0, 10.5, 12.0, 14.0, 15.0])
    monkeypatch.setattr(steps.time, "monotonic", lambda: next(clock))
    layers = Layers()
    layers.add(step("staging", "stg_a"))
    layers.add(step("staging", "stg_b", seconds=1.5))  # beside the first
    layers.add(step("staging", "unique_stg_a", "test", "pass"))
    layers.add(step("marts", "cost", "unit_test", "warn"))
    layers.add(step("staging", "late", "test", "skipped"))
    assert layers.lines() == [
        "staging       2 models, 2 tests, 1 skipped  6 s",
        "marts         1 unit test, 1 warn  1 s",
    ]
    assert len(layers.taken()) == 2 and layers.taken() == []  # what follows is another build


def test_a_skipped_model_of_which_dbt_tells_twice_is_one_step():
    node = SimpleNamespace(unique_id="model.a", node_name="a", resource_type="model")
    manifest = SimpleNamespace(
        nodes={"model.a": SimpleNamespace(resource_type="model", fqn=["p", "marts"])}, unit_tests={}
    )
    told: list[Step] = []
    steps = transform._Steps(manifest, told.append)
    result = SimpleNamespace(status="skipped", execution_time=0.0)
    for name in ("SkippingDetails", "NodeFinished"):
        data = SimpleNamespace(node_info=node, run_result=result)
        steps.hear(SimpleNamespace(info=SimpleNamespace(name=name), data=data))
    assert [(one.name, one.status) for one in told] == [("a", "skipped")]


def test_what_failed_is_bad_in_every_spelling():
    assert [step("x", "y", status=word).is_bad for word in ("error", "fail", "Runtime Error", "warn", "pass")] == [
        *[True] * 3,
        *[False] * 2,
    ]
