"""``aletheia serve``: starts the service."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aletheia.cli.device import DeviceOption, set_device
from aletheia.core.device import CPU, NAMES, answering_device
from aletheia.core.errors import InputError
from aletheia.core.hosts import is_loopback
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.serving.config import API_KEY, LIMITS, ServeConfig

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI


def serve(
    model: Annotated[
        list[str],
        typer.Option(
            help="A tag (production, candidate), a store://models/… URI, or a folder, also in a bucket (s3://…); "
            "several answer as one. Default: production, else candidate."
        ),
    ] = [],  # noqa: B006 -- typer copies it
    weight: Annotated[
        list[float], typer.Option(help="How much each of several models counts, in their order; default: all alike.")
    ] = [],  # noqa: B006 -- typer copies it
    challenger: Annotated[
        str,
        typer.Option(
            help="A model that answers a share of the requests beside the one above, until the service ends or "
            "the model is promoted.",
            show_default=False,
        ),
    ] = "",
    split: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.9,
            help="The challenger's share, 0.1 by default. Who sends the same X-Aletheia-Key, else the same picture, "
            "gets the same model every time.",
            show_default=False,
        ),
    ] = None,
    shadow: Annotated[
        str,
        typer.Option(
            help="A model that scores the same pictures after they were answered, on time that no answer wants; nobody "
            "sees its verdicts but `aletheia ab status`.",
            show_default=False,
        ),
    ] = "",
    precision: Annotated[
        str, typer.Option(help="f32, bf16 or int8; the model's JSON says how the latter two differ.")
    ] = "f32",
    device: DeviceOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts connections from the network.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str],
        typer.Option(
            help="A host name of this service, as behind a proxy; may be given several times. Addresses and the names "
            "of this machine are always accepted. Default: on the loopback no other name, else any.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 -- typer copies it
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 7860,
    trust_anchors: Annotated[
        Path | None,
        typer.Option(
            help="A PEM file of certificates: signers of content credentials are trusted if one of them vouches for "
            "them. Without it no signer is trusted, since anybody can sign.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Requests answered side by side; 0: one a core.")] = 0,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Whether there is a page for people at /.")] = True,
    prediction_log: Annotated[
        Path | None,
        typer.Option(
            help="File that `aletheia monitor` reads: scores, verdicts, times and errors, no pictures. "
            "Default: predictions.sqlite in ALETHEIA_HOME.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record/--no-record", help="Whether the prediction log is written.")] = True,
    keep_feedback_pictures: Annotated[
        bool,
        typer.Option(
            "--keep-feedback-pictures",
            help="Keep pictures that are sent with feedback and consent, without metadata, beside the prediction log.",
        ),
    ] = False,
    limit: Annotated[
        list[str],
        typer.Option(help=f"Another limit, as name=value; may be given several times: {', '.join(LIMITS)}."),
    ] = [],  # noqa: B006 -- typer copies it
) -> None:
    """Answer by HTTP and with a page: POST /v1/predict, /docs, and / in a browser.

    To find out whether another model is better, try it as a shadow: aletheia serve --shadow v1.3.0. Both models score
    each picture, one answers; where they disagree a label tells who is right (`aletheia ab status`).
    With --challenger v1.3.0 --split 0.1 the other one answers a tenth of the requests itself; with both options,
    naming one model, it answers and both score.

    With ALETHEIA_API_KEY in the environment, clients must send that key. SIGTERM or Ctrl-C ends the service after the
    requests that it has accepted.
    """
    set_device(device)
    answering_device()  # one that is not there is reported before anything is loaded
    values: dict[str, Any] = {"models": model, "weights": weight, "precision": precision, "page": page}
    values |= {"host": host, "port": port, "names": name}
    if record:
        values["prediction_log"] = str(prediction_log or default_log())
        values["keep_feedback_pictures"] = keep_feedback_pictures
    elif keep_feedback_pictures:
        raise InputError("--keep-feedback-pictures needs the prediction log, which --no-record leaves out.")
    elif prediction_log:
        raise InputError("--prediction-log names a file, and --no-record wants none; give one of the two.")
    if split is not None and not challenger:
        raise InputError("--split is the share of a challenger; name it: --challenger V --split 0.1.")
    values |= {"challenger": challenger, "shadow": shadow, **({} if split is None else {"split": split})}
    if workers:
        values["workers"] = workers
    if trust_anchors:
        from aletheia.serving.credentials import read_anchors

        values["trust_anchors"] = read_anchors(trust_anchors)
    config = ServeConfig(**values, **_parse_limits(limit))
    run(config)


def run(config: ServeConfig) -> None:
    """Serve until a signal stops the service.

    Raises
    ------
    InputError
        When the address is taken or not of this machine, or there is no model.
    """
    listener = listen(config.host, config.port)
    try:
        _serve(config, listener)
    finally:
        listener.close()


def listen(host: str, port: int) -> socket.socket:
    """Open a socket that listens; InputError when the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise InputError(f"--host {host!r} is no address; 127.0.0.1 is this machine alone.") from None
    # The protocol is named because asyncio switches Nagle's algorithm off only then.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # Here, not in uvicorn: a second service on the same port fails only at this call.
        listener.listen(256)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"Port {port} on {host} is taken. Choose another: --port …") from None
        raise InputError(f"The service cannot listen on {host}:{port}: {error.strerror}.") from None
    return listener


def _serve(config: ServeConfig, listener: socket.socket) -> None:
    import uvicorn

    from aletheia.serving.app import create_app
    from aletheia.serving.hardening import forbid_inspection, reserve_files, return_freed_memory

    reserve_files(config)
    return_freed_memory()
    forbid_inspection()
    for name in ("python_multipart", "uvicorn.error"):  # clients could fill the log
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(config)
    loaded = app.state.service.loaded
    if not config.models and loaded.uri.endswith(":candidate"):
        _report("No model passed every check yet; the candidate answers.")
    if experiment := app.state.service.traffic.experiment:
        _report(experiment.sentence)
    _report(f"{loaded.uri}, trained on {loaded.spec.trained_on or 'rows that it does not name'}")
    if loaded.device != CPU:
        _report(f"The network is computed on {NAMES[loaded.device]}.")

    class Server(uvicorn.Server):
        """Reports when the service is ready, and tells the application at once when it is stopped."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _report(f"Ready at {address_of(listener)}" + ("" if config.page else "/docs"))
            if not is_loopback(config.host) and config.api_key is None:
                _report(f"Anybody in the network can use the service: set {API_KEY} to require a key.")

        def handle_exit(self, sig: int, frame: Any) -> None:
            app.state.stopping.set()
            super().handle_exit(sig, frame)

    with contextlib.suppress(KeyboardInterrupt):
        Server(uvicorn_config(app, config)).run(sockets=[listener])


def uvicorn_config(app: FastAPI, config: ServeConfig) -> uvicorn.Config:
    """Configure the web server for the application."""
    import uvicorn

    from aletheia.serving.connections import Connection

    return uvicorn.Config(
        app,
        http=Connection,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        # Longer than clients keep a connection, so that none writes into one that is being closed.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(config.request_timeout_s) + 1,
    )


def address_of(listener: socket.socket) -> str:
    """Return the address of a socket that listens, for a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _parse_limits(options: list[str]) -> dict[str, str]:
    for option in options:
        if "=" not in option:
            raise InputError(f"--limit {option!r} is not name=value, as in --limit max_frames=32.")
        if option.split("=")[0] not in LIMITS:
            raise InputError(f"--limit {option.split('=')[0]!r} is no limit; there are {', '.join(LIMITS)}.")
    return dict(option.split("=", 1) for option in options)


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
