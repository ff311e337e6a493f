"""Content credentials (C2PA): the signed manifest inside of a file on its origin, and whether it still fits the file.

Read with the maintained library of the Content Authenticity Initiative, without network: a file must not make the
server request an address that it names. Specification: Coalition for Content Provenance and Authenticity, "Content
Credentials", version 2.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError

#: No remote manifest, no revocation server, no identity's web address.
_OFFLINE = {
    "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
_MANIFEST_BOX = b"jumb"  # the type of the boxes that manifests lie in (ISO 19566-5)
_REMOTE_MANIFEST = b"dcterms:provenance"  # the field of XMP that names a manifest's address
_MAX_ITEMS, _MAX_TEXT = 40, 200

#: IPTC's digital source types (cv.iptc.org/newscodes/digitalsourcetype) in plain words.
ORIGINS = {
    "digitalCapture": "taken with a digital camera",
    "computationalCapture": "taken with a digital camera that computes",
    "negativeFilm": "digitised from film",
    "positiveFilm": "digitised from film",
    "print": "digitised from a print",
    "humanEdits": "edited by a person",
    "minorHumanEdits": "edited a little by a person",
    "algorithmicallyEnhanced": "enhanced by an algorithm",
    "digitalCreation": "made by a person with digital tools",
    "softwareImage": "made with software",
    "screenCapture": "taken from a screen",
    "dataDrivenMedia": "made from data by an algorithm",
    "algorithmicMedia": "made by an algorithm",
    "trainedAlgorithmicMedia": "made by generative AI",
    "compositeWithTrainedAlgorithmicMedia": "composed of parts of which some were made by generative AI",
    "compositeSynthetic": "composed of parts of which some are synthetic",
    "composite": "composed of several pictures",
    "compositeCapture": "composed of several photographs",
    "virtualRecording": "recorded in a virtual world",
}
_PROBLEMS = {
    "signingCredential.untrusted": "the signer is on no list of trusted ones here: its name is no more than a claim",
    "signingCredential.expired": "the signer's certificate had expired",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "signingCredential.invalid": "the signer's certificate is not fit for signing",
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.bmffHash.mismatch": "the file was changed after it was signed",
    "assertion.boxesHash.mismatch": "the file was changed after it was signed",
    "assertion.hashedURI.mismatch": "the manifest was changed after it was signed",
    "claimSignature.mismatch": "the signature does not fit the manifest",
    "claimSignature.missing": "there is no signature",
}


def read_credentials(source: bytes | Path, anchors: str = "") -> dict[str, Any] | None:
    """Read the content credentials of a file that may be hostile.

    The library is native code: call this where a crash or a loop costs a worker process, not the service.

    Parameters
    ----------
    source : bytes or Path
        JPEG, PNG, GIF, WebP, TIFF, MP4, MOV or AVI.
    anchors : str
        PEM certificates of trusted authorities. Without any, no signer is trusted: anybody can sign.

    Returns
    -------
    dict or None
        None without content credentials. Else ``valid`` (whether the manifest is intact and fits the file), ``trusted``
        (whether its signer is, too), ``issuer``, ``generator`` and ``when`` (from the manifest; "" when missing),
        ``actions`` (sentences, the oldest first) and ``problems`` (sentences).
    """
    with contextlib.ExitStack() as stack:
        content: bytes | mmap.mmap = source if isinstance(source, bytes) else _mapped_file(source, stack)
        media_type = _media_type(bytes(content[:12]))
        if not media_type or (content.find(_MANIFEST_BOX) < 0 and content.find(_REMOTE_MANIFEST) < 0):
            return None
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        return _read(media_type, stream, anchors)


def read_anchors(path: str | Path) -> str:
    """Read the certificates of a PEM file, for `read_credentials`; InputError when there are none."""
    import ssl

    try:
        text = Path(path).read_text("ascii")
    except OSError as error:
        raise InputError(f"The trust anchors {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise InputError(f"The trust anchors {path} hold no certificates; name a PEM file of them.") from None
    return text


def clean_text(value: Any, max_length: int = _MAX_TEXT) -> str:
    """Return text from a file on one line, printable and of bounded length."""
    text = value if isinstance(value, str) else str(value)
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * max_length]).split())
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _mapped_file(path: Path, stack: contextlib.ExitStack) -> bytes | mmap.mmap:
    file = stack.enter_context(path.open("rb"))
    if not path.stat().st_size:  # cannot be mapped
        return b""
    return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _media_type(head: bytes) -> str:
    """Return the MIME type by the first bytes, "" for formats that are not read here."""
    for magic, media_type in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF8", "image/gif"),
    ):
        if head.startswith(magic):
            return media_type
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi"}.get(head[8:12], "")
    return "image/tiff" if head[:4] in (b"II*\0", b"MM\0*") else ""


def _read(media_type: str, stream: Any, anchors: str) -> dict[str, Any] | None:
    import c2pa  # type: ignore[import-untyped]  # has no stubs

    settings = {**_OFFLINE, **({"trust": {"trust_anchors": anchors}} if anchors else {})}
    try:
        with c2pa.Context.from_dict(settings) as context, c2pa.Reader(media_type, stream, context=context) as reader:
            return _summary(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except Exception as error:  # of any kind: the library reads a file that may be hostile
        if str(error).startswith("Remote"):
            return _unreadable(f"they are kept elsewhere, which is not asked ({clean_text(error)})")
        return _unreadable(f"they cannot be read ({clean_text(error)})")


def _unreadable(problem: str) -> dict[str, Any]:
    empty = {"valid": False, "trusted": False, "issuer": "", "generator": "", "when": "", "actions": []}
    return {**empty, "problems": [problem]}


def _summary(parsed: Any) -> dict[str, Any]:
    """Summarise a manifest store for people. Every level may be of another type than it should."""
    store = _mapping(parsed)
    manifests = _mapping(store.get("manifests"))
    name = store.get("active_manifest")
    active = _mapping(manifests.get(name) if isinstance(name, str) else None)
    signature = _mapping(active.get("signature_info"))
    state = store.get("validation_state")
    # The manifests of the pictures that this one was made of come first: the active one is about the last step.
    chain = [_mapping(value) for value in manifests.values() if value is not active][:_MAX_ITEMS]
    actions = [action for manifest in [*chain, active] for action in _actions(manifest)]
    return {
        "valid": state in ("Valid", "Trusted"),
        "trusted": state == "Trusted",
        "issuer": clean_text(signature.get("issuer") or signature.get("common_name") or ""),
        "generator": _generator(active),
        "when": clean_text(signature.get("time") or ""),
        "actions": actions[:_MAX_ITEMS],
        "problems": _problems(store),
    }


def _generator(manifest: dict[str, Any]) -> str:
    infos = manifest.get("claim_generator_info")
    names = [_agent_name(info) for info in infos[:3]] if isinstance(infos, list) else []
    return ", ".join(filter(None, names)) or clean_text(manifest.get("claim_generator") or "")


def _agent_name(agent: Any) -> str:
    if isinstance(agent, str):
        return clean_text(agent)
    agent = _mapping(agent)
    return clean_text(f"{agent.get('name') or ''} {agent.get('version') or ''}")


def _actions(manifest: dict[str, Any]) -> list[str]:
    """Describe actions, as in "created by Painter 3: made by generative AI, 2024-05-06T07:08:09Z"."""
    sentences = []
    assertions = manifest.get("assertions")
    for assertion in assertions if isinstance(assertions, list) else []:
        if not str(_mapping(assertion).get("label")).startswith("c2pa.actions"):
            continue
        actions = _mapping(assertion.get("data")).get("actions")
        for action in map(_mapping, actions[:_MAX_ITEMS] if isinstance(actions, list) else []):
            verb = clean_text(action.get("action") or "").removeprefix("c2pa.").replace("_", " ")
            agent = _agent_name(action.get("softwareAgent") or "") or _generator(manifest)
            origin = clean_text(action.get("digitalSourceType") or "").rpartition("/")[2]
            when = clean_text(action.get("when") or "")
            text = f"{verb} by {agent}" if agent else verb
            text += f": {ORIGINS.get(origin, origin)}" if origin else ""
            sentences.append(text + (f", {when}" if when else ""))
    return sentences


def _problems(store: dict[str, Any]) -> list[str]:
    status = store.get("validation_status")
    entries = [_mapping(entry) for entry in status[:_MAX_ITEMS]] if isinstance(status, list) else []
    return list(dict.fromkeys(_PROBLEMS.get(str(entry.get("code"))) or _explanation(entry) for entry in entries))


def _explanation(entry: dict[str, Any]) -> str:
    return clean_text(f"{entry.get('explanation') or 'it does not hold'} ({entry.get('code')})")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
