"""Functions in the database."""

from __future__ import annotations

import tempfile

import pytest

from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.resources import functions
from aletheia.tracking.resources.functions import FunctionFilters


def put(store, description: str, tag: str | None = None, versioned: bool = True, **body) -> str:
    body = {"kind": "job", "metadata": {}, "spec": {"description": description}, **body}
    return functions.put(store, "p", "train-net", body, tag, versioned)


def listed(store, **filters) -> list[tuple[str, str | None]]:
    rows, _ = functions.list_page(store, FunctionFilters(project="p", **filters), Page())
    return [(row["spec"]["description"], row["metadata"]["tag"]) for row in rows]


def test_normalise_as_the_client_does():
    assert functions.normalise("Train_Net  big") == "train-net-big"


def test_content_hash_ignores_tag_dates_and_state():
    body = {"metadata": {"name": "f"}, "spec": {"image": "i"}}
    uid = functions.content_hash(body)
    metadata = {"name": "f", "tag": "v1", "hash": "x", "updated": "now", "created": "before"}
    assert functions.content_hash({**body, "metadata": metadata, "status": {"state": "ready"}}) == uid
    assert functions.content_hash({**body, "spec": {"image": "j"}}) != uid


def test_put_versions_keep_their_hash(store, clock):
    first, second = put(store, "one"), put(store, "two")
    assert functions.get(store, "p", "train-net", hash_key=first)["spec"]["description"] == "one"
    assert functions.get(store, "p", "train-net")["spec"]["description"] == "two"
    assert put(store, "one") == first != second
    assert functions.get(store, "p", "train-net", "latest")["metadata"] == {
        **functions.get(store, "p", "train-net", hash_key=first)["metadata"],
        "tag": "latest",
    }


def test_put_unversioned_overwrites_the_tag(store, clock):
    put(store, "one", "dev", versioned=False)
    put(store, "two", "dev", versioned=False)
    assert listed(store) == [("two", "dev")]


def test_get_finds_other_spellings(store):
    put(store, "one")
    assert functions.get(store, "p", "Train_Net")["spec"]["description"] == "one"
    with pytest.raises(ApiError, match="Function not found p/train-net:dev"):
        functions.get(store, "p", "train-net", "dev")
    with pytest.raises(ApiError, match="Function not found p/train-net@abc"):
        functions.get(store, "p", "train-net", hash_key="abc")


def test_get_minimal_keeps_the_description_only(store):
    put(store, "one", spec={"description": "one", "build": {"functionSourceCode": "…"}})
    assert functions.get(store, "p", "train-net", format_="minimal")["spec"] == {"description": "one"}


def test_list_page_filters(store, clock):
    put(store, "one", "a", status={"state": "ready"})
    put(store, "two", "b")
    put(store, "three", "b")  # takes the tag from the second
    assert listed(store) == [("three", "b"), ("two", ""), ("one", "a")]
    assert listed(store, tag="*") == [("three", "b"), ("one", "a")]
    assert listed(store, tag="a") == [("one", "a")]
    assert listed(store, state=["ready"]) == [("one", "a")]
    assert listed(store, name="Train_Net", kind="job", tag="b") == [("three", "b")]


def test_put_refuses_malformed_functions(store):
    for body in (None, [], {"metadata": 1}, {"metadata": {"name": "other"}}):
        with pytest.raises(ApiError):
            functions.put(store, "p", "f", body, None, False)


def test_delete_takes_all_versions(store):
    put(store, "one", "a")
    put(store, "two", "b")
    functions.delete(store, "p", "Train_Net")
    assert listed(store) == []


def test_put_leaves_the_tag_to_the_function_of_a_project(store):
    """What the client stores when it runs a function on this machine is a version, but not the latest."""
    own = put(store, "own")
    copy = put(store, "copy", kind="local")
    assert functions.get(store, "p", "train-net")["spec"]["description"] == "own"
    assert functions.get(store, "p", "train-net", hash_key=copy)["spec"]["description"] == "copy" and copy != own
    put(store, "newer")
    assert functions.get(store, "p", "train-net")["spec"]["description"] == "newer"


def test_list_page_has_one_entry_for_a_function_that_ran_here(store):
    """Not beside it the client's copy, nor one that is named after the run."""
    spec = {"build": {"functionSourceCode": "eA=="}}
    put(store, "", spec={**spec, "image": "mlrun/mlrun"})
    copy = put(store, "", kind="local", spec=spec)
    body = {"kind": "local", "metadata": {}, "spec": spec}
    overview = functions.put(store, "p", "overview", body, None, True)
    bodies, _ = functions.list_page(store, FunctionFilters(project="p"), Page())
    assert [(body["kind"], body["metadata"]["name"]) for body in bodies] == [("job", "train-net")]
    assert functions.get(store, "p", "overview", hash_key=overview)["spec"]["build"] == spec["build"]
    assert functions.list_page(store, FunctionFilters(project="p", hash_key=copy), Page())[0]
    functions.put(store, "p", "own", {"kind": "local", "metadata": {}, "spec": {}}, None, True)
    assert len(functions.list_page(store, FunctionFilters(project="p"), Page())[0]) == 2, "a local one of its own"


def test_put_forgets_the_temporary_file_of_a_copy(store, tmp_path):
    def copy(command: str, code: str = "eA==") -> dict:
        spec = {"command": command, "build": {"functionSourceCode": code}}
        uid = put(store, "", kind="local", spec=spec)
        return {"uid": uid, "command": functions.get(store, "p", "train-net", hash_key=uid)["spec"]["command"]}

    first, second = copy(f"{tempfile.gettempdir()}/a/x1.py"), copy(f"{tempfile.gettempdir()}/b/x2.py")
    assert first == second and first["command"] == "train-net.py", "the same source is the same version"
    assert copy("/srv/own.py")["command"] == "/srv/own.py"
    assert copy("/tmp/kept.py", code="")["command"] == "/tmp/kept.py", "there is no other source"
