"""Signing of pictures with certificates made for the tests."""

from __future__ import annotations

import datetime
import io

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GENERATIVE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
#: First action of a manifest: the creation of the picture.
CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": GENERATIVE,
    "softwareAgent": {"name": "Painter", "version": "3"},
    "when": "2024-05-06T07:08:09Z",
}


def certificate(name: str, issuer: str, key, signer, *, authority: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)

    def subject(text: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Cameras"),
                x509.NameAttribute(NameOID.COMMON_NAME, text),
            ]
        )

    uses = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage = x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **uses)
    builder = (
        x509.CertificateBuilder(subject(issuer), subject(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signer, hashes.SHA256())


class Signatory:
    """A root certificate and a signer of it, made for this session; `sign` embeds a manifest."""

    def __init__(self) -> None:
        root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        chain = [
            certificate("A signer", "A root", own, root, authority=False),
            certificate("A root", "A root", root, root, authority=True),
        ]
        pem = [part.public_bytes(serialization.Encoding.PEM) for part in chain]
        self.chain, self.anchors = b"".join(pem), pem[1].decode()
        self.key = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, data: bytes, kind: str, *actions: dict, edited: bool = False, url: str = "") -> bytes:
        manifest = {
            "claim_generator_info": [{"name": "Example Camera App", "version": "1.2"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}],
        }
        info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=self.chain, private_key=self.key, ta_url=None)
        builder = c2pa.Builder(manifest, context=c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
        if edited:  # the file is then an ingredient, and "opened" the first action
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        if url:
            builder.set_no_embed()
            builder.set_remote_url(url)
        out = io.BytesIO()
        builder.sign(c2pa.Signer.from_info(info), kind, io.BytesIO(data), out)
        return out.getvalue()
