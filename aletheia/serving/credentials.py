"""Content credentials (C2PA): what a signed manifest inside of a file says about its origin, and whether it still fits.

Read with the maintained library of the Content Authenticity Initiative, kept from the network: a file must not make the
server ask an address that it names. Specification: Coalition for Content Provenance and Authenticity, "Content
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
_MARK = b"jumb"  # the type of the boxes that manifests lie in (ISO 19566-5), and of the line in XMP that names one
_REMOTE = b"dcterms:provenance"
_MOST, _LONGEST = 40, 200

#: IPTC's words for how a picture came to be (cv.iptc.org/newscodes/digitalsourcetype), in plain ones.
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


def credentials_of(source: bytes | Path, anchors: str = "") -> dict[str, Any] | None:
    """Read the content credentials of a file that may be hostile.

    The library is native code: call this where a crash or a loop costs a worker process, not the service.

    Parameters
    ----------
    source : bytes or Path
        JPEG, PNG, GIF, WebP, TIFF, MP4, MOV or AVI.
    anchors : str
        PEM certificates that signers are trusted by. Without any, no signer is: everybody can sign.

    Returns
    -------
    dict or None
        None without content credentials. Else ``valid`` (whether the manifest is intact and fits the file), ``trusted``
        (whether its signer is, too), ``issuer``, ``generator`` and ``when`` (as the signed manifest says; "" when it
        does not), ``actions`` (what was done, the oldest first) and ``problems`` (sentences).
    """
    with contextlib.ExitStack() as stack:
        content: bytes | mmap.mmap = source if isinstance(source, bytes) else _mapped(source, stack)
        kind = _kind(bytes(content[:12]))
        if not kind or (content.find(_MARK) < 0 and content.find(_REMOTE) < 0):
            return None
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        return _read(kind, stream, anchors)


def read_anchors(path: str | Path) -> str:
    """The certificates in a PEM file, for `credentials_of`; InputError when there are none."""
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


def clean(value: Any, longest: int = _LONGEST) -> str:
    """Text that somebody else wrote, on one line, printable, and of bounded length."""
    text = value if isinstance(value, str) else str(value)
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _mapped(path: Path, stack: contextlib.ExitStack) -> bytes | mmap.mmap:
    file = stack.enter_context(path.open("rb"))
    if not path.stat().st_size:  # cannot be mapped
        return b""
    return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _kind(head: bytes) -> str:
    """The MIME type for the library, by the first bytes; it reads more formats than are answered here."""
    for magic, kind in ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif")):
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi"}.get(head[8:12], "")
    return "image/tiff" if head[:4] in (b"II*\0", b"MM\0*") else ""


def _read(kind: str, stream: Any, anchors: str) -> dict[str, Any] | None:
    import c2pa

    settings = {**_OFFLINE, **({"trust": {"trust_anchors": anchors}} if anchors else {})}
    try:
        with c2pa.Context.from_dict(settings) as context, c2pa.Reader(kind, stream, context=context) as reader:
            return _told(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except Exception as error:  # whatever the library makes of a file that somebody else made up
        if str(error).startswith("Remote"):
            return _nothing(f"they are kept elsewhere, which is not asked ({clean(error)})")
        return _nothing(f"they cannot be read ({clean(error)})")


def _nothing(problem: str) -> dict[str, Any]:
    empty = {"valid": False, "trusted": False, "issuer": "", "generator": "", "when": "", "actions": []}
    return {**empty, "problems": [problem]}


def _told(store: Any) -> dict[str, Any]:
    """The part of a manifest store that people read. Every level may be of another type than it should."""
    manifests = _mapping(_mapping(store).get("manifests"))
    active = _mapping(manifests.get(_mapping(store).get("active_manifest")))
    signature = _mapping(active.get("signature_info"))
    state = _mapping(store).get("validation_state")
    # Those of the pictures that this one was made of come first: the active manifest is about what came last.
    chain = [_mapping(value) for value in manifests.values() if value is not active][:_MOST]
    actions = [action for manifest in [*chain, active] for action in _actions(manifest)]
    return {
        "valid": state in ("Valid", "Trusted"),
        "trusted": state == "Trusted",
        "issuer": clean(signature.get("issuer") or signature.get("common_name") or ""),
        "generator": _generator(active),
        "when": clean(signature.get("time") or ""),
        "actions": actions[:_MOST],
        "problems": _problems(store),
    }


def _generator(manifest: dict[str, Any]) -> str:
    infos = manifest.get("claim_generator_info")
    named = [_named(info) for info in infos[:3]] if isinstance(infos, list) else []
    return ", ".join(filter(None, named)) or clean(manifest.get("claim_generator") or "")


def _named(agent: Any) -> str:
    if isinstance(agent, str):
        return clean(agent)
    agent = _mapping(agent)
    return clean(f"{agent.get('name') or ''} {agent.get('version') or ''}")


def _actions(manifest: dict[str, Any]) -> list[str]:
    """Sentences such as "created by Painter 3: made by generative AI, 2024-05-06T07:08:09Z"."""
    told = []
    assertions = manifest.get("assertions")
    for assertion in assertions if isinstance(assertions, list) else []:
        if not str(_mapping(assertion).get("label")).startswith("c2pa.actions"):
            continue
        actions = _mapping(assertion.get("data")).get("actions")
        for action in map(_mapping, actions[:_MOST] if isinstance(actions, list) else []):
            what = clean(action.get("action") or "").removeprefix("c2pa.").replace("_", " ")
            agent = _named(action.get("softwareAgent") or "") or _generator(manifest)
            origin = clean(action.get("digitalSourceType") or "").rpartition("/")[2]
            when = clean(action.get("when") or "")
            text = f"{what} by {agent}" if agent else what
            told.append(text + (f": {ORIGINS.get(origin, origin)}" if origin else "") + (f", {when}" if when else ""))
    return told


def _problems(store: dict[str, Any]) -> list[str]:
    status = store.get("validation_status")
    found = [_mapping(entry) for entry in status[:_MOST]] if isinstance(status, list) else []
    return list(dict.fromkeys(_PROBLEMS.get(str(entry.get("code"))) or _explained(entry) for entry in found))


def _explained(entry: dict[str, Any]) -> str:
    return clean(f"{entry.get('explanation') or 'it does not hold'} ({entry.get('code')})")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
