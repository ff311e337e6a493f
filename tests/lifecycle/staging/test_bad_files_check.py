"""Bad files: the real service refuses them all; a service that does not is found out."""

from __future__ import annotations

import pytest

from aletheia.lifecycle.staging.bad_files_check import check_bad_files


def test_real_service_refuses_and_goes_on(service, jpeg):
    result = check_bad_files(service, jpeg)
    assert (result.state, result.detail) == ("passed", "8 bad requests refused, and the next one answered")


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda path, status, body: (500 if status >= 400 else status, body), "an empty file: answered with 500"),
        (lambda path, status, body: (200, body), "a text: answered with 200"),
        (
            lambda path, status, body: (status, {"detail": "x"} if status >= 400 else body),
            "not in the form of an error",
        ),
        (lambda path, status, body: (status, {**body, "ok": True}), "the error says ok"),
        (lambda path, status, body: (503, body), "a good picture is answered with 503"),
    ],
)
def test_a_service_that_does_not_is_found_out(staged, jpeg, alter, message):
    with staged(alter) as running:
        result = check_bad_files(running, jpeg)
    assert result.state == "failed" and message in result.detail


def test_another_answer_afterwards_is_found_out(staged, jpeg):
    answers = []

    def alter(path, status, body):
        answers.append(status)
        return status, {**body, "verdict": f"verdict {len(answers)}"} if status == 200 else body

    with staged(alter) as running:
        assert "otherwise than before" in check_bad_files(running, jpeg).detail


def test_a_service_that_ends_is_found_out(service, jpeg, monkeypatch):
    monkeypatch.setattr(service, "is_alive", lambda: False)
    result = check_bad_files(service, jpeg)
    assert result.state == "failed" and result.detail == "the service ended after an empty file"
