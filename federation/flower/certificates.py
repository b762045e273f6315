"""The coordinator's own certificate authority, its server certificate, and keys for nodes.

Everything is ECDSA on P-256. Private keys lie unencrypted in files of mode 0600, as the owner's chats do.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 800
# A clock that is a little behind should not lock anybody out.
_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM."""

    authority: Path
    server: Path
    server_key: Path

    def fingerprint(self) -> bytes:
        """SHA-256 of the authority's certificate in DER, 32 bytes; what an invite pins."""
        return fingerprint(self.authority.read_bytes())


def fingerprint(pem: bytes) -> bytes:
    """SHA-256 of a certificate in DER, 32 bytes. Raises ValueError when `pem` is no certificate."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).digest()


def ensure_certificates(folder: Path, hosts: Sequence[str]) -> Certificates:
    """The certificates in `folder`; made when missing, the server's again when `hosts` or its time is up.

    The authority stays, so that invites stay good.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority_key_file = folder / "ca.key"
    if not (files.authority.exists() and authority_key_file.exists()):
        key, certificate = _authority()
        write_private(authority_key_file, _pem(key))
        write_private(files.authority, certificate.public_bytes(serialization.Encoding.PEM))
    names = sorted({*hosts, "localhost", "127.0.0.1"})
    if not _serves(files.server, names):
        authority_key = load_key(authority_key_file)
        authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _server(key, names, authority, authority_key)
        write_private(files.server_key, _pem(key))
        write_private(files.server, certificate.public_bytes(serialization.Encoding.PEM))
    return files


def ensure_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """This node's key; made once."""
    if not file.exists():
        write_private(file, _pem(ec.generate_private_key(ec.SECP256R1())))
    return load_key(file)


def load_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError when the file holds another kind of key."""
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file.name} is not an elliptic-curve key")
    return key


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(_name("assistant federation"), _name("assistant federation"), key.public_key())
        .not_valid_after(datetime.now(UTC) + timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _server(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name("coordinator"), authority.subject, key.public_key())
        .not_valid_after(datetime.now(UTC) + timedelta(days=_SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _SKEW)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serves(file: Path, names: Sequence[str]) -> bool:
    """Whether this certificate is there, holds these names, and for another month."""
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    if certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=30):
        return False
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(entry.value) for entry in held} == set(names)
