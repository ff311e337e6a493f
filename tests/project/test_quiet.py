"""MLRun's information lines and run tables are kept out of the output."""

from __future__ import annotations

import io

import mlrun

from aletheia.project.quiet import WarningsOnly, quiet_mlrun


def test_warnings_only_drops_information():
    stream = io.StringIO()
    quiet = WarningsOnly(stream)
    for text in (
        "> 2026-11-28 14:44:14,011 [info] Storing function\n",
        "> 2026-11-28 14:44:14,011 [debug] x\n",
        "> 2026-11-28 14:44:14,011 [warning] run command, file or code were not specified\n",
        "> 2026-11-28 14:44:14,011 [warning] failed to log iter artifacts, unhashable type: 'list'\n",
        "> 2026-11-28 14:44:14,011 [warning] kept\n",
        "[info] kept\n",
    ):
        assert quiet.write(text) == len(text)
    assert stream.getvalue() == "> 2026-11-28 14:44:14,011 [warning] kept\n[info] kept\n"
    assert not quiet.isatty()


def test_quiet_mlrun_restores(capsys):
    stream = io.StringIO()
    original = mlrun.utils.logger.get_handler("default").stream
    mlrun.utils.logger.replace_handler_stream("default", stream)
    shows_tables = mlrun.mlconf.ipython_widget
    mlrun.mlconf.ipython_widget = True
    try:
        with quiet_mlrun():
            mlrun.utils.logger.info("dropped")
            mlrun.utils.logger.warning("kept")
            assert mlrun.mlconf.ipython_widget is False
            print("printed")
        mlrun.utils.logger.info("after")
        assert mlrun.mlconf.ipython_widget is True
    finally:
        mlrun.mlconf.ipython_widget = shows_tables
        mlrun.utils.logger.replace_handler_stream("default", original)
    assert "dropped" not in stream.getvalue()
    assert "kept" in stream.getvalue() and "after" in stream.getvalue()
    assert capsys.readouterr().out == "printed\n"
