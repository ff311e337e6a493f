from .monitoring.drift import Drift as Drift
from .monitoring.drift import find_drift as find_drift
from .monitoring.report import render_monitor_report as render_monitor_report
from .monitoring.traffic import hourly as hourly
from .monitoring.traffic import summarise_traffic as summarise_traffic
from .prediction_log.entry import LogEntry as LogEntry
from .prediction_log.reading import read_log as read_log
from .prediction_log.writer import PredictionLog as PredictionLog
