from .abroad_text import abroad_sentences as abroad_sentences
from .audit_report import audit_figure as audit_figure
from .audit_report import render_audit_report as render_audit_report
from .data_plots import preparation_figures as preparation_figures
from .data_report import render_data_report as render_data_report
from .evaluation_report import render_evaluation_report as render_evaluation_report
