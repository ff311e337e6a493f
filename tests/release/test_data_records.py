"""Parts of a report about its rows."""

from __future__ import annotations

from aletheia.datasets.grouping import Known
from aletheia.release.data_records import FamilyRecord, GroupingRecord


def test_family_record_estimate():
    record = FamilyRecord(key="light", name="light", auc=0.6, low=0.5, high=0.7, tells=False)
    assert f"{record.estimate:.3f}" == "0.600 (0.500 to 0.700)"


def test_grouping_record_holds_what_is_counted():
    assert set(GroupingRecord.model_fields) == set(Known._fields)
