"""Certificates for tests: authorities, and what they have signed, as PEM files. Valid for a day, on one name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
SIGNED_BY = {"ca": "ca", "foreign": "foreign", "server": "ca", "client": "ca", "stranger": "foreign"}


def certificates(folder: Path, *, san: x509.GeneralName = LOOPBACK) -> dict[str, Path]:
    """PEM files: CAs `ca` and `foreign`; of the first `server` and `client`, of the second `stranger`."""
    folder.mkdir()
    files: dict[str, Path] = {}
    cas: dict[str, tuple[x509.Name, ec.EllipticCurvePrivateKey]] = {}
    for name, issuer in SIGNED_BY.items():
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cas.setdefault(name, (subject, key))
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(cas[issuer][0], subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([san]), critical=False)
            .sign(cas[issuer][1], hashes.SHA256())
        )
        pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
        texts = {
            "pem": certificate.public_bytes(pem),
            "key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none),
        }
        for kind, text in texts.items():
            files[f"{name}.{kind}"] = folder / f"{name}.{kind}"
            files[f"{name}.{kind}"].write_bytes(text)
            files[f"{name}.{kind}"].chmod(0o600)
    return files
