"""Parts of a report about a model in use."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aletheia.release.usage_records import AbstentionRecord, PrevalenceRecord


def test_prevalence_record_needs_a_base_rate():
    with pytest.raises(ValidationError, match="base_rate"):
        PrevalenceRecord(base_rate=None, **dict.fromkeys(list(PrevalenceRecord.model_fields)[1:]))


def test_abstention_record_is_empty_without_a_rule():
    record = AbstentionRecord()
    assert (record.table, record.causes, record.coverage) == ([], [], [])
